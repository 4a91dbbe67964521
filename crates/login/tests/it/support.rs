//! A person at a flow, and a clock that jumps.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_core::{
    Authenticator, LoginError, LoginRequest, LoginStep, LoginUi, NewLogin, Question, Timestamp,
};
use cliproxy_login::{Authenticators, OauthClient, Options};
use cliproxy_testkit::{FakeOAuth, TestClient};
use cliproxy_transport::oauth::Pace;
use cliproxy_transport::{BoxFuture, ClientOptions, HttpClient, ProxyChoice};
use parking_lot::Mutex;
use serde_json::Value;

pub const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);

/// Waits of up to a minute are over at once; longer ones, which only end a flow, never are.
#[derive(Debug, Default)]
pub struct Jumps(pub Mutex<Vec<u64>>);

impl Pace for Jumps {
    fn sleep(&self, length: Duration) -> BoxFuture<()> {
        if length > Duration::from_secs(60) {
            return Box::pin(std::future::pending());
        }
        self.0.lock().push(length.as_secs());
        Box::pin(tokio::task::yield_now())
    }

    fn now(&self) -> Timestamp {
        NOW.plus(Duration::from_secs(self.0.lock().iter().sum()))
    }
}

/// What the person does when a URL is shown to them.
type Browser = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// A person: visits what their browser is sent to, and answers questions from a list.
pub struct Person {
    browser: Browser,
    answers: Mutex<VecDeque<String>>,
    pub told: Mutex<Vec<LoginStep>>,
    /// What the pages showed.
    pub pages: Arc<Mutex<Vec<(u16, String)>>>,
    pub asked: Mutex<Vec<Question>>,
    /// What the flow had before it asked for more.
    pub so_far: Mutex<Vec<NewLogin>>,
    /// Whether the answers are for the callback too.
    pastes: bool,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person")
    }
}

impl Person {
    /// One whose browser goes to these addresses, in order, when it is shown a URL.
    pub fn with_browser(browser: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::new(Box::new(browser), false))
    }

    fn new(browser: Browser, pastes: bool) -> Self {
        Self {
            browser,
            pastes,
            answers: Mutex::default(),
            told: Mutex::default(),
            pages: Arc::default(),
            asked: Mutex::default(),
            so_far: Mutex::default(),
        }
    }

    /// One without a browser.
    pub fn answering(answers: impl IntoIterator<Item = &'static str>) -> Arc<Self> {
        let person = Arc::new(Self::new(Box::new(|_| Vec::new()), true));
        person.answers.lock().extend(answers.into_iter().map(str::to_owned));
        person
    }

    pub fn answers(&self, answer: String) {
        self.answers.lock().push_back(answer);
    }

    pub fn notes(&self) -> String {
        let told = self.told.lock();
        let notes = told.iter().filter_map(|step| match step {
            LoginStep::Note(text) => Some(text.as_str()),
            _ => None,
        });
        notes.collect::<Vec<_>>().join("\n")
    }
}

#[async_trait]
impl LoginUi for Person {
    #[expect(clippy::disallowed_methods, reason = "the browser is another program")]
    fn tell(&self, step: LoginStep) {
        if let LoginStep::Open { url, port, .. } = &step {
            let visits = (self.browser)(url);
            let (pages, port) = (Arc::clone(&self.pages), *port);
            tokio::spawn(async move {
                for visit in visits {
                    let page = visit_at(&visit, port).await;
                    pages.lock().push(page);
                }
            });
        }
        self.told.lock().push(step);
    }

    async fn ask(&self, question: Question) -> Option<String> {
        let pastes = question.key == "callback-url" && !self.pastes;
        self.asked.lock().push(question);
        if pastes {
            return None;
        }
        self.answers.lock().pop_front()
    }

    fn so_far(&self, login: NewLogin) {
        self.so_far.lock().push(login);
    }
}

/// A person without a browser here: pastes the callback, in some shape.
#[derive(Debug)]
pub struct Typing {
    pub person: Arc<Person>,
    pub oauth: Arc<FakeOAuth>,
    pub shape: &'static str,
}

#[async_trait]
impl LoginUi for Typing {
    fn tell(&self, step: LoginStep) {
        if let LoginStep::Open { url, .. } = &step {
            let callback = self.oauth.consent(url);
            let (_, query) = callback.split_once('?').unwrap();
            let (code, state) = query.strip_prefix("code=").unwrap().split_once("&state=").unwrap();
            let code = if self.shape.contains('#') { "code/1+=" } else { code };
            let shape = self.shape.replace("{url}", &callback);
            self.person.answers(shape.replace("{code}", code).replace("{state}", state));
        }
        self.person.tell(step);
    }

    async fn ask(&self, question: Question) -> Option<String> {
        self.person.ask(question).await
    }
}

/// Opens an address of this machine, at the port where the listener is: a tunnel leads there.
async fn visit_at(address: &str, port: Option<u16>) -> (u16, String) {
    let rest =
        address.strip_prefix("http://localhost:").or_else(|| address.strip_prefix("http://127.0.0.1:"));
    let rest = rest.expect("a redirect to this machine");
    let (named, path) = rest.split_once('/').unwrap();
    let port = port.map_or(named.to_owned(), |port| port.to_string());
    let reply = TestClient::new(format!("http://127.0.0.1:{port}")).get(&format!("/{path}")).await;
    (reply.status(), reply.text().await)
}

/// Flows at a fake provider: every endpoint of every provider leads to the path of its name.
pub struct Scene {
    pub oauth: Arc<FakeOAuth>,
    pub jumps: Arc<Jumps>,
    pub options: Options,
}

impl Scene {
    pub async fn new() -> Self {
        let oauth = Arc::new(FakeOAuth::start().await);
        let jumps = Arc::new(Jumps::default());
        let http = HttpClient::new(ClientOptions::new());
        let mut options = Options::new(http, ProxyChoice::Direct).with_pace(Arc::clone(&jumps) as _);
        for (provider, endpoint) in Authenticators::new(&options).known_endpoints() {
            let url = oauth.url(&format!("/{}", endpoint.name));
            options = options.with_endpoint(provider.as_str(), endpoint.name, url);
        }
        Self { oauth, jumps, options }
    }

    pub fn with_secret(mut self, provider: &str, secret: &str) -> Self {
        self.options = self.options.with_client(provider, OauthClient::new(None, Some(secret.into())));
        self.oauth.require_secret(secret);
        self
    }

    pub fn flow(&self, name: &str) -> Arc<dyn Authenticator> {
        Arc::clone(Authenticators::new(&self.options).get(name).unwrap())
    }

    /// A person who agrees at once.
    pub fn willing(&self) -> Arc<Person> {
        let oauth = Arc::clone(&self.oauth);
        Person::with_browser(move |url| vec![oauth.consent(url)])
    }

    pub async fn login(
        &self,
        name: &str,
        request: LoginRequest,
        person: &Arc<Person>,
    ) -> Result<NewLogin, LoginError> {
        let ui: Arc<dyn LoginUi> = Arc::clone(person) as _;
        let login = self.flow(name);
        let flow = login.login(request, ui);
        tokio::time::timeout(Duration::from_secs(30), flow).await.expect("the flow hangs")
    }
}

/// A request whose listener takes any free port.
pub fn request() -> LoginRequest {
    let mut request = LoginRequest::new();
    request.callback_port = Some(0);
    request
}

/// The document as JSON.
pub fn document(login: &NewLogin) -> Value {
    Value::Object(login.document.as_map().clone())
}

/// A token whose middle says this.
pub fn jwt(claims: &Value) -> String {
    use base64::Engine as _;
    let middle = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{middle}.sig")
}
