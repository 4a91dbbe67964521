//! Renewals on a real directory, by several processes, against a token endpoint on a real socket whose refresh tokens
//! work once. Source: design.md §5.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cliproxy_auth_store::FileStore;
use cliproxy_conductor::{Conductor, Lineage, RenewError};
use cliproxy_core::*;
use tokio_util::task::TaskTracker;

use crate::fakes::{FakeUpstream, Script};

const ID: &str = "x.json";
const FIRST: &str =
    r#"{"type":"p","access_token":"access-1","refresh_token":"refresh-1","mine":{"kept":[1]}}"#;
const RENEWALS: usize = 15;

/// Answers `refresh-N` with N + 1 as long as N is the last that it gave.
struct Tokens {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    given: AtomicUsize,
    reused: AtomicUsize,
    /// Calls that are taken and never answered.
    swallow: AtomicUsize,
    /// Whether calls are answered later, and whether one is waiting for that.
    waits: AtomicBool,
    waiting: AtomicBool,
}

impl Tokens {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        state.given.store(1, Ordering::SeqCst);
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                let mut line = String::new();
                if BufReader::new(&socket).read_line(&mut line).is_err() {
                    continue;
                }
                if shared.swallow.load(Ordering::SeqCst) > 0 {
                    shared.swallow.fetch_sub(1, Ordering::SeqCst);
                    kept.push(socket);
                    continue;
                }
                shared.waiting.store(true, Ordering::SeqCst);
                while shared.waits.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                let given = shared.given.load(Ordering::SeqCst);
                let answer = if line.trim() == format!("refresh-{given}") {
                    shared.given.store(given + 1, Ordering::SeqCst);
                    format!("{}\n", given + 1)
                } else {
                    shared.reused.fetch_add(1, Ordering::SeqCst);
                    "used\n".to_owned()
                };
                // Whoever asked may have been killed meanwhile.
                let _ignored = (&socket).write_all(answer.as_bytes());
            }
        });
        Self { address, state }
    }

    fn given(&self) -> usize {
        self.state.given.load(Ordering::SeqCst)
    }

    fn reused(&self) -> usize {
        self.state.reused.load(Ordering::SeqCst)
    }
}

/// Renews over the socket.
#[derive(Debug)]
struct Renewer(SocketAddr);

#[async_trait]
impl ProviderExecutor for Renewer {
    fn provider(&self) -> &ProviderId {
        const PROVIDER: &ProviderId = &ProviderId::from_static("p");
        PROVIDER
    }

    fn wire_formats(&self, _: &UpstreamModel, _: Operation) -> &[ProviderFormat] {
        const FORMATS: &[ProviderFormat] = &[ProviderFormat::OPENAI];
        FORMATS
    }

    async fn models(&self, _: &Credential) -> Result<Vec<ModelInfo>, ExecutorError> {
        Ok(vec![ModelInfo::new("m")])
    }

    async fn execute(&self, _: Attempt) -> Result<WireReply, ExecutorError> {
        unreachable!("nothing is asked here")
    }

    async fn refresh(&self, credential: &Credential) -> Result<Credential, ExecutorError> {
        let token = credential.refresh_token().unwrap().expose().to_owned();
        let address = self.0;
        let call = move || -> std::io::Result<String> {
            let mut socket = TcpStream::connect(address)?;
            writeln!(socket, "{token}")?;
            let mut line = String::new();
            BufReader::new(socket).read_line(&mut line)?;
            Ok(line.trim().to_owned())
        };
        let answer = tokio::task::spawn_blocking(call).await.unwrap();
        let answer = answer.map_err(|error| ExecutorError::new(ErrorKind::Connect, error.to_string()))?;
        if answer == "used" {
            return Err(ExecutorError::new(ErrorKind::InvalidGrant, "refresh token already used"));
        }
        let mut changes = serde_json::Map::new();
        changes.insert("access_token".to_owned(), format!("access-{answer}").into());
        changes.insert("refresh_token".to_owned(), format!("refresh-{answer}").into());
        Ok(credential.with_document(credential.document().merged(changes)))
    }
}

/// A conductor as a server would have it on this directory.
async fn conductor(directory: &Path, tokens: SocketAddr) -> Arc<Conductor> {
    let store = Arc::new(FileStore::new(directory));
    let credential = store.load(&CredentialId::new(ID)).await.unwrap().unwrap();
    let conductor = Conductor::builder(Arc::new(FakeUpstream(Arc::new(Script::default()))))
        .store(store)
        .executor(Arc::new(Renewer(tokens)))
        .build();
    conductor.admit(Arc::new(credential)).await.unwrap();
    conductor
}

async fn renew(conductor: &Conductor) -> Result<Arc<Credential>, RenewError> {
    conductor.renew(&CredentialId::new(ID)).await
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(ID), FIRST).unwrap();
    directory
}

/// The note that a renewal leaves of where a token comes from.
fn note(first: usize, token: usize) -> String {
    let hash = |token: usize| {
        let document = serde_json::from_str(&format!(r#"{{"refresh_token":"refresh-{token}"}}"#)).unwrap();
        Lineage::of(&Document::new(document)).unwrap().token().to_owned()
    };
    format!(r#""refresh_lineage":"{}.{}.{}""#, hash(first), token - first, hash(token))
}

/// The file has the last token that was given, and what its owner wrote beside it.
fn assert_current(directory: &Path, tokens: &Tokens) {
    let text = std::fs::read_to_string(directory.join(ID)).unwrap();
    let given = tokens.given();
    let expected = format!(
        "{{\"type\":\"p\",\"access_token\":\"access-{given}\",\"refresh_token\":\"refresh-{given}\",\"mine\":{{\"kept\":[1]}},{}}}\n",
        note(1, given)
    );
    assert_eq!(text, expected);
    assert_eq!(tokens.reused(), 0, "a token was spent twice");
}

fn child(test: &str, directory: &Path, tokens: &Tokens) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("CONDUCTOR_RENEW_IN", directory)
        .env("CONDUCTOR_TOKENS_AT", tokens.address.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child was told, if this is one.
fn orders() -> Option<(std::path::PathBuf, SocketAddr)> {
    let directory = std::env::var_os("CONDUCTOR_RENEW_IN")?;
    Some((directory.into(), std::env::var("CONDUCTOR_TOKENS_AT").unwrap().parse().unwrap()))
}

/// Runs once by itself, and five times at once as the child of the test below.
#[tokio::test]
async fn renewals_one_after_the_other_spend_each_token_once() {
    if let Some((directory, tokens)) = orders() {
        let conductor = conductor(&directory, tokens).await;
        for _ in 0..RENEWALS {
            renew(&conductor).await.unwrap();
        }
        return;
    }
    let (directory, tokens) = (directory(), Tokens::start());
    let conductor = conductor(directory.path(), tokens.address).await;
    for _ in 0..RENEWALS {
        renew(&conductor).await.unwrap();
    }
    assert_eq!(tokens.given(), 1 + RENEWALS);
    assert_current(directory.path(), &tokens);
}

#[test]
fn five_processes_renewing_one_file_spend_no_token_twice() {
    let (directory, tokens) = (directory(), Tokens::start());
    let test = "on_disk::renewals_one_after_the_other_spend_each_token_once";
    let children: Vec<Child> = (0..5).map(|_| child(test, directory.path(), &tokens)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(tokens.given() > RENEWALS, "each of them renewed or was handed somebody else's renewal");
    assert_current(directory.path(), &tokens);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_callers_of_two_conductors_cause_a_renewal_or_two() {
    let (directory, tokens) = (directory(), Tokens::start());
    let conductors = [
        conductor(directory.path(), tokens.address).await,
        conductor(directory.path(), tokens.address).await,
    ];
    let tasks = TaskTracker::new();
    let callers: Vec<_> = (0..20)
        .map(|caller| {
            let conductor = Arc::clone(&conductors[caller % 2]);
            tasks.spawn(async move { renew(&conductor).await.unwrap() })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_current(directory.path(), &tokens);
}

/// Hangs as the victim of the test below; by itself it renews and is done.
#[tokio::test]
async fn a_process_killed_while_the_provider_thinks_leaves_token_and_lease_to_the_next() {
    if let Some((directory, tokens)) = orders() {
        renew(&*conductor(&directory, tokens).await).await.unwrap();
        return;
    }
    let (directory, tokens) = (directory(), Tokens::start());
    let test = "on_disk::a_process_killed_while_the_provider_thinks_leaves_token_and_lease_to_the_next";
    for round in 0..3 {
        tokens.state.swallow.store(1, Ordering::SeqCst);
        let mut victim = child(test, directory.path(), &tokens);
        while tokens.state.swallow.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // It holds the lease and waits: nobody else may renew now.
        let conductor = conductor(directory.path(), tokens.address).await;
        let renewal = renew(&conductor);
        tokio::pin!(renewal);
        let waiting = tokio::time::timeout(Duration::from_millis(60), &mut renewal).await;
        assert!(waiting.is_err(), "the victim holds the lease");
        victim.kill().unwrap();
        victim.wait().unwrap();
        renewal.await.unwrap();
        assert_eq!(tokens.given(), 2 + round);
        assert_current(directory.path(), &tokens);
    }
}

#[tokio::test]
async fn a_token_that_a_stranger_rotated_is_read_from_the_file_again() {
    let (directory, tokens) = (directory(), Tokens::start());
    let conductor = conductor(directory.path(), tokens.address).await;
    // Another program rotates under our hands and writes the file in its own way.
    tokens.state.given.store(7, Ordering::SeqCst);
    let theirs = r#"{"refresh_token": "refresh-7", "type": "p", "access_token": "access-7", "theirs": true}"#;
    std::fs::write(directory.path().join(ID), theirs).unwrap();
    let current = renew(&conductor).await.unwrap();
    assert_eq!(current.access_token().unwrap().expose(), "access-7");
    assert_eq!((tokens.given(), tokens.reused()), (7, 0), "nothing was spent");
    // And what we renew after that is written into their text.
    renew(&conductor).await.unwrap();
    let text = std::fs::read_to_string(directory.path().join(ID)).unwrap();
    let expected = r#"{"refresh_token":"refresh-8","type":"p","access_token":"access-8","theirs":true,"#;
    assert_eq!(text, format!("{expected}{}}}\n", note(7, 8)));
}

#[tokio::test]
async fn a_file_that_was_disabled_is_not_renewed_and_stays_disabled() {
    let (directory, tokens) = (directory(), Tokens::start());
    let conductor = conductor(directory.path(), tokens.address).await;
    let off = r#"{"type":"p","disabled":true,"access_token":"access-1","refresh_token":"refresh-1"}"#;
    std::fs::write(directory.path().join(ID), off).unwrap();
    assert_eq!(renew(&conductor).await.unwrap_err(), RenewError::Gone);
    assert_eq!(std::fs::read_to_string(directory.path().join(ID)).unwrap(), off);
    assert_eq!(tokens.given(), 1);
}

/// Of a file with nothing in it nothing can be lost; in one that is cut there may be what somebody else has written.
#[tokio::test]
async fn a_file_that_was_emptied_while_the_provider_answered_gets_the_tokens_and_one_that_was_cut_does_not() {
    for (left, kept) in [("", false), (r#"{"type":"p","refresh_to"#, true)] {
        let (directory, tokens) = (directory(), Tokens::start());
        let conductor = conductor(directory.path(), tokens.address).await;
        let path = directory.path().join(ID);
        tokens.state.waits.store(true, Ordering::SeqCst);
        let (renewed, ()) = tokio::join!(renew(&conductor), async {
            while !tokens.state.waiting.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            std::fs::write(&path, left).unwrap();
            tokens.state.waits.store(false, Ordering::SeqCst);
        });
        assert_eq!(renewed.unwrap().access_token().unwrap().expose(), "access-2");
        // It may be in the middle of being written.
        assert_eq!(std::fs::read_to_string(&path).unwrap(), left);
        let id = CredentialId::from_static(ID);
        let saved = tokio::time::timeout(Duration::from_secs(20), conductor.until_saved(&id));
        if !kept {
            saved.await.unwrap().unwrap();
        }
        if kept {
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left);
            assert!(conductor.credential(&id).unwrap().unsaved);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&file["refresh_token"], &file["type"]), (&"refresh-2".into(), &"p".into()), "{text}");
        assert_eq!(file["mine"]["kept"][0], 1, "{text}");
    }
}
