//! `keyward keeper`: real processes, certificates made on the spot, and callers of every kind.

mod away;
mod lie;
mod partition;
mod refused;
mod ring;
mod turn;
mod typed;
mod workload;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use keyward::keeper::{
    Finding, KeeperSet, Link as _, LinkFailed, Member, ShareBytes, ShareHead, Standing, Trouble,
    attend, gather,
};
use keyward_server::{
    config::{IdentityConfig, IdentityFiles, IdentitySource},
    keeper::HttpLink,
    mtls::{Identity, Role},
};
use keyward_testkit::{
    pki::{Authority, Files, Given},
    share::Said,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const DOMAIN: &str = "spiffe://example.org";
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A place with an authority, and certificates of it.
struct House {
    home: TempDir,
    authority: Authority,
}

impl House {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a directory"), authority: Authority::new() }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn gives(&self, path: &str) -> Given {
        self.authority.gives(&format!("{DOMAIN}{path}"))
    }

    /// Files of a certificate for `path`.
    fn files(&self, name: &str, path: &str) -> Files {
        self.gives(path).write(self.path(), name, &self.authority).expect("files")
    }

    /// A configuration with an identity from files.
    fn configured(&self, name: &str, files: &Files) -> String {
        let Files { certificate, key, bundle } = files;
        let text = format!(
            "identity:\n  trustDomain: example.org\n  files:\n    certificate: {}\n    key: {}\n    \
             bundle: {}\n",
            certificate.display(),
            key.display(),
            bundle.display()
        );
        self.write(name, &text)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        let mode = keyward_storage::durable::Mode::Private;
        keyward_storage::durable::write(&path, text.as_bytes(), mode).expect("a file");
        path.display().to_string()
    }

    /// A keeper, as `name`, with a sound certificate.
    fn keeper(&self, name: &str) -> Process {
        let files = self.files(name, "/keyward/keeper");
        Process::start(self, &self.configured(&format!("{name}.yaml"), &files))
    }

    /// The way to a keeper for a process with the certificate in `files`.
    fn link(files: &Files, role: Role, keeper: &Process) -> HttpLink {
        let Files { certificate, key, bundle } = files.clone();
        let source = IdentitySource::Files(IdentityFiles { certificate, key, bundle });
        let trust_domain = "example.org".parse().expect("a trust domain");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let opened = runtime
            .expect("a runtime")
            .block_on(Identity::open(&IdentityConfig { trust_domain, source }, role));
        HttpLink::new(&opened.expect("an identity"), &keeper.address).expect("a way")
    }

    /// A server's way to a keeper.
    fn server(&self, keeper: &Process) -> HttpLink {
        Self::link(&self.files("server", "/keyward/server"), Role::Server, keeper)
    }
}

/// A keeper at work; killed when dropped.
struct Process {
    child: Child,
    address: String,
    lines: mpsc::Receiver<String>,
    /// What it said before it was ready, for whoever asks for it later.
    early: Vec<String>,
}

impl Process {
    fn start(house: &House, config: &str) -> Self {
        Self::at(house, config, "127.0.0.1:0")
    }

    fn at(house: &House, config: &str, listen: &str) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_keyward"));
        Self::run(house, program, (config, listen))
    }

    /// A keeper whose command line begins with `program`.
    fn run(house: &House, mut program: Command, (config, listen): (&str, &str)) -> Self {
        let mut process = Self::spawn(
            program
                .args(["--config", config, "keeper", "--listen", listen])
                .arg("--allow-unlocked-memory")
                .current_dir(house.path())
                .env_clear(),
        );
        let line = process.starts(" listens on ");
        let (_, rest) = line.split_once(" listens on ").expect("the address");
        process.address = rest.split(',').next().expect("the address").to_owned();
        process
    }

    /// Whatever notes lines.
    fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the process starts");
        let notes = BufReader::new(child.stderr.take().expect("its notes"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            notes.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self { child, address: String::new(), lines, early: Vec::new() }
    }

    /// Waits until it is ready, which a line with `words` in it says.
    #[track_caller]
    fn starts(&mut self, words: &str) -> String {
        let (line, early) = self.hears(words);
        self.early = early;
        line
    }

    /// Waits for a line with `words` in it.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let early = self.early.iter().find(|line| line.contains(words));
        early.cloned().unwrap_or_else(|| self.hears(words).0)
    }

    /// A line with `words` in it, and the lines before it.
    #[track_caller]
    fn hears(&self, words: &str) -> (String, Vec<String>) {
        let mut heard = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(words) => return (line, heard),
                Ok(line) => heard.push(line),
                Err(_) => panic!("it does not say {words:?}, but {heard:#?}"),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After its end there is nothing left to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn bytes(said: &Said) -> ShareBytes {
    ShareBytes::new(said.bytes().into())
}

fn head(said: &Said) -> ShareHead {
    ShareHead::read(&bytes(said)).expect("a sound share")
}

#[test]
fn three_keepers_are_filled_and_two_of_them_give_the_key_back() {
    // RK-050, RK-051, RK-053
    let house = House::new();
    let mut keepers: Vec<_> = ["k1", "k2", "k3"].map(|name| house.keeper(name)).into();
    let shares: Vec<_> = (1..=3).map(|index| Said::FIRST.of(index)).collect();
    let named = shares.iter().map(|said| (format!("k{}", said.index), head(said)));
    let set = KeeperSet::new(named.collect()).expect("a whole set");
    let links = |keepers: &[Process]| -> Vec<HttpLink> {
        keepers.iter().map(|keeper| house.server(keeper)).collect()
    };
    for (link, said) in links(&keepers).iter().zip(&shares) {
        let share = || Some(vec![bytes(said)]);
        assert_eq!(attend(link, &[head(said)], share), Ok(Finding::Empty));
        assert_eq!(attend(link, &[head(said)], || None), Ok(Finding::Current));
    }
    // One is killed, and stays away: two are enough, and it is named.
    drop(keepers.remove(0));
    let members = |links: Vec<HttpLink>| -> Vec<Member> {
        let member =
            |(link, at)| Member { name: format!("k{at}"), link: std::sync::Arc::new(link) };
        links.into_iter().zip(2..).map(member).collect()
    };
    let gathered = gather(&set, &members(links(&keepers))).expect("two shares");
    let mut secrets: Vec<_> = gathered.shares.iter().map(|share| share.expose().to_vec()).collect();
    secrets.sort();
    assert_eq!(secrets, [shares[1].bytes(), shares[2].bytes()]);
    // Another one is killed and started again: it is empty, and filled again.
    let address = keepers[0].address.clone();
    drop(keepers.remove(0));
    let again = Process::at(&house, &house.path().join("k2.yaml").display().to_string(), &address);
    keepers.insert(0, again);
    let too_few = gather(&set, &members(links(&keepers))).expect_err("one share");
    assert_eq!((too_few.have, too_few.troubles), (1, vec![("k2".to_owned(), Trouble::Empty)]));
    let share = || Some(vec![bytes(&shares[1])]);
    assert_eq!(attend(&links(&keepers)[0], &[head(&shares[1])], share), Ok(Finding::Empty));
    gather(&set, &members(links(&keepers))).expect("two shares again");
}

#[test]
fn a_rotation_has_two_shares_in_a_keeper_until_it_is_final() {
    let house = House::new();
    let keeper = house.keeper("k1");
    let link = house.server(&keeper);
    let next = Said { epoch: 2, set: [2; 16], ..Said::FIRST };
    link.put(&bytes(&Said::FIRST), Standing::Final).expect("the first");
    link.put(&bytes(&next), Standing::Rotating).expect("the next");
    assert_eq!(link.status().expect("a status").shares, [head(&next), head(&Said::FIRST)]);
    let of = |said: &Said| link.fetch(Some(head(said).set)).expect("shares");
    assert_eq!(of(&Said::FIRST)[0].expose(), Said::FIRST.bytes());
    link.put(&bytes(&next), Standing::Final).expect("the end");
    assert_eq!(link.status().expect("a status").shares, [head(&next)]);
    assert_eq!(of(&Said::FIRST).len(), 0);
    link.clear().expect("an end");
    assert_eq!(link.status().expect("a status").shares, []);
}

#[test]
fn what_a_keeper_does_not_take_is_refused_by_name() {
    // RK-051
    let house = House::new();
    let keeper = house.keeper("k1");
    let link = house.server(&keeper);
    let current = Said { epoch: 3, ..Said::FIRST };
    link.put(&bytes(&current), Standing::Final).expect("a share");
    let mut altered = current.bytes();
    altered[60] ^= 1;
    let refusals = [
        (bytes(&Said { root: [6; 32], ..current }), "foreign-root"),
        (bytes(&Said { epoch: 2, ..current }), "stale-epoch"),
        (ShareBytes::new(altered.into()), "altered"),
        (bytes(&current.of(2)), "second-share"),
        (bytes(&Said { kind: 2, ..current }), "another-kind"),
        (ShareBytes::new(b"nonsense".to_vec().into()), "unknown-version"),
    ];
    for (share, expected) in refusals {
        let Err(LinkFailed::Refused { reason, .. }) = link.put(&share, Standing::Final) else {
            panic!("{expected} was not refused");
        };
        assert_eq!(reason, expected);
        assert_eq!(link.status().expect("a status").shares, [head(&current)]);
    }
}

#[test]
fn a_certificate_that_is_replaced_is_used_without_a_restart() {
    // RK-053
    let house = House::new();
    let keeper = house.keeper("k1");
    let link = house.server(&keeper);
    link.put(&bytes(&Said::FIRST), Standing::Final).expect("a share");
    // Another authority: old and new do not believe each other.
    let successor = Authority::new();
    let gives = |path: &str| successor.gives(&format!("{DOMAIN}{path}"));
    let files = gives("/keyward/keeper").write(house.path(), "k1", &successor).expect("files");
    keeper.signal(Signal::HUP);
    keeper.says("has renewed its identity");
    assert!(matches!(link.status(), Err(LinkFailed::Unidentified(_))));
    let files_of_server =
        gives("/keyward/server").write(house.path(), "next", &successor).expect("files");
    let link = House::link(&files_of_server, Role::Server, &keeper);
    assert_eq!(link.status().expect("a status").shares, [head(&Said::FIRST)]);
    // Without a signal, the change is noticed; what cannot be used is said and changes nothing.
    house.write("k1.crt", "no certificate");
    keeper.says("the identity in use stays");
    assert!(link.status().is_ok());
    gives("/keyward/keeper").write(house.path(), "k1", &successor).expect("files");
    keeper.says("has renewed its identity");
    assert!(link.status().is_ok());
    assert!(files.certificate.exists());
}

#[test]
fn a_keeper_ends_when_it_is_asked_to() {
    let house = House::new();
    let mut keeper = house.keeper("k1");
    keeper.signal(Signal::TERM);
    assert!(keeper.child.wait().expect("its end").success());
}
