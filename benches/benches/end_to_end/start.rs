//! From nothing to the first answer, and how large the program is.

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use cliproxy_benches::bodies::Size;
use cliproxy_benches::format::Format;

use crate::children::{self, Binaries};
use crate::load::{self, Client, Job};
use crate::process::Running;
use crate::report::{Report, Row, median, verdict};

const STARTS: usize = 21;

pub(crate) fn measure(binaries: &Binaries, report: &mut Report) {
    let size = fs::metadata(&binaries.server).expect("the server is built").len() as f64 / 1e6;
    report.row(Row {
        work: "stripped binary".to_owned(),
        budget: "30 MB".to_owned(),
        ours: format!("{size:.1} MB"),
        verdict: verdict(size, 30.0),
        ..Row::default()
    });
    let provider = children::provider();
    let runtime = load::runtime();
    let job = Job::new(Format::Chat, "chat-flood-200", false, Size::Small);
    let times = (0..STARTS).map(|_| {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let address = children::free_address();
        let mut command = children::ours_command(binaries, address, provider.address, 1, directory.path());
        let begun = Instant::now();
        let process = Running::new(command.stdin(Stdio::null()).spawn().expect("it starts"));
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        runtime.block_on(async { Client::connect(address).await.call(&job).await }).expect("an answer");
        let time = begun.elapsed().as_secs_f64() * 1e3;
        drop(process);
        time
    });
    let time = median(times.collect());
    report.row(Row {
        work: "start to first answer (a reply of the provider)".to_owned(),
        budget: "20 ms".to_owned(),
        ours: format!("{time:.1} ms"),
        verdict: verdict(time, 20.0),
        ..Row::default()
    });
}
