//! The programs that are measured, and the one they forward to.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Running;

/// The key that clients present.
pub(crate) const CLIENT_KEY: &str = "bench-client-key";
/// What the fake provider does, as parts of its models' names.
pub(crate) const MODES: [&str; 5] = ["flood-200", "flood-1000", "paced-50", "paced-200", "held-1"];

/// Where the programs are.
pub(crate) struct Binaries {
    pub(crate) server: PathBuf,
    pub(crate) nginx: Option<PathBuf>,
}

impl Binaries {
    /// The server that was named, else one built by `cargo build --release`; and nginx, if it is there.
    pub(crate) fn find(server: Option<PathBuf>) -> Self {
        let server = server.unwrap_or_else(Self::build);
        let nginx = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"]
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists());
        Self { server, nginx }
    }

    fn build() -> PathBuf {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--quiet", "--package", "cliproxy-server"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .status();
        assert!(built.expect("cargo runs").success(), "the server does not build");
        let target = Path::new(env!("CARGO_BIN_EXE_bare-hyper")).parent().expect("a directory");
        target.join("cliproxy-server")
    }
}

/// A program that runs, with the files it needs.
pub(crate) struct Served {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

/// Which program, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    Ours,
    Bare,
    Nginx,
}

impl Proxy {
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Bare, Self::Nginx];
}

/// The fake provider.
pub(crate) fn provider() -> Served {
    serve(|address, _| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fake-provider"));
        command.arg(address.to_string());
        command
    })
}

/// A proxy in front of the provider; `None` when it is not installed.
pub(crate) fn proxy(which: Proxy, binaries: &Binaries, provider: SocketAddr) -> Option<Served> {
    if which == Proxy::Nginx {
        binaries.nginx.as_ref()?;
    }
    Some(serve(|address, directory| {
        command(which, binaries, address, provider, directory).expect("it is installed")
    }))
}

/// The command that starts a proxy; `None` when it is not installed.
pub(crate) fn command(
    which: Proxy,
    binaries: &Binaries,
    address: SocketAddr,
    provider: SocketAddr,
    directory: &Path,
) -> Option<Command> {
    Some(match which {
        Proxy::Ours => ours_command(binaries, address, provider, 1, directory),
        Proxy::Bare => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_bare-hyper"));
            command.args([address.to_string(), provider.to_string()]);
            command
        }
        Proxy::Nginx => nginx_command(binaries.nginx.as_deref()?, address, provider, directory),
    })
}

/// Our server, with this many keys for each kind of provider. Logging is as it is by default, to a file.
pub(crate) fn ours(binaries: &Binaries, provider: SocketAddr, keys: usize) -> Served {
    serve(|address, directory| ours_command(binaries, address, provider, keys, directory))
}

/// The command that starts our server.
pub(crate) fn ours_command(
    binaries: &Binaries,
    address: SocketAddr,
    provider: SocketAddr,
    keys: usize,
    directory: &Path,
) -> Command {
    let config = directory.join("config.yaml");
    fs::write(&config, configuration(address, provider, keys, directory)).expect("the config can be written");
    let log = File::create(directory.join("log")).expect("the log can be written");
    let mut command = Command::new(&binaries.server);
    // Nothing of the caller's environment reaches it: neither keys nor proxies.
    command.env_clear().env("HOME", directory).arg("--config").arg(config).stderr(log);
    command
}

fn configuration(address: SocketAddr, provider: SocketAddr, keys: usize, directory: &Path) -> String {
    let mut text = format!(
        "host: 127.0.0.1\nport: {}\nauth-dir: {}\napi-keys: [{CLIENT_KEY}]\n",
        address.port(),
        directory.join("auth").display()
    );
    let entry = |text: &mut String, format: &str, base: &str, key: usize| {
        let _infallible = write!(
            text,
            "  - api-key: {format}-key-{key}\n    base-url: http://{provider}{base}\n    models:\n"
        );
        for mode in MODES {
            let _infallible = writeln!(text, "      - name: {format}-{mode}");
        }
    };
    for (list, format, base) in [
        ("claude-api-key", "claude", ""),
        ("codex-api-key", "responses", "/v1"),
        ("gemini-api-key", "gemini", ""),
    ] {
        let _infallible = writeln!(text, "{list}:");
        for key in 0..keys {
            entry(&mut text, format, base, key);
        }
    }
    let _infallible = write!(
        text,
        "openai-compatibility:\n  - name: bench\n    base-url: http://{provider}/v1\n    models:\n"
    );
    for mode in MODES {
        let _infallible = writeln!(text, "      - name: chat-{mode}\n        alias: chat-{mode}");
    }
    text.push_str("    api-key-entries:\n");
    for key in 0..keys {
        let _infallible = writeln!(text, "      - api-key: chat-key-{key}");
    }
    text
}

fn nginx_command(nginx: &Path, address: SocketAddr, provider: SocketAddr, directory: &Path) -> Command {
    let root = directory.display();
    // The paths of temporary files are fixed at compile time and may not be ours to write.
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {root}/{kind};\n"))
        .collect();
    let config = format!(
        "daemon off;
master_process off;
worker_processes 1;
pid {root}/pid;
error_log {root}/error.log;
events {{ worker_connections 8192; }}
http {{
{temporary}  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 256m;
  upstream provider {{ server {provider}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 3600s;
    }}
  }}
}}
"
    );
    let path = directory.join("nginx.conf");
    fs::write(&path, config).expect("the config can be written");
    let mut command = Command::new(nginx);
    command.arg("-c").arg(path).arg("-e").arg(directory.join("error.log"));
    command
}

/// A free address.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

fn serve(command: impl FnOnce(SocketAddr, &Path) -> Command) -> Served {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let address = free_address();
    let mut command = command(address, directory.path());
    let child = command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let process = Running::new(child);
    wait_for(address);
    Served { process, address, _directory: directory }
}

/// Waits until something listens.
pub(crate) fn wait_for(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
