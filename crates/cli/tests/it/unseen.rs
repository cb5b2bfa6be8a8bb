//! Where a secret was put, neither its value nor its path is to be seen: not in what commands
//! print, not in what the server says, not in the log, not in the files.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::world::{Ran, World, binary};

const VALUE: &str = "narwhal-4711-of-the-payments";
const OTHER: &str = "axolotl-0815-of-the-payments";
const PATH: &str = "wolverine/tapir/ocelot";
/// In metadata, which is sealed like the path.
const TEXT: &str = "kookaburra";
/// Every word that only a secret has.
const WORDS: [&str; 6] = ["narwhal", "axolotl", "wolverine", "tapir", "ocelot", TEXT];

/// A server that says all that it can, into `server.log`.
struct Talkative(Child);

fn said(world: &World) -> String {
    let said = fs::read(world.path("server.log")).expect("what the server said");
    String::from_utf8_lossy(&said).into_owned()
}

impl Talkative {
    fn on(world: &World) -> Self {
        let log = File::create(world.path("server.log")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["--data", "data", "--password-file", "password"])
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(world.home.path())
            .env_clear()
            .env("KEYWARD_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut server = Self(child.expect("the server starts"));
        // The socket is the last of the listeners that it names.
        while !said(world).contains("keyward.sock\n") {
            let ended = server.0.try_wait().expect("a status");
            assert_eq!(ended, None, "it does not listen");
            std::thread::yield_now();
        }
        server
    }
}

impl Drop for Talkative {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The words of secrets in `bytes`, also as base64 has them.
fn found(bytes: &[u8]) -> Vec<String> {
    let coded = [VALUE, OTHER].map(|value| STANDARD.encode(value));
    let sought = WORDS.iter().map(|word| (*word).to_owned()).chain(coded);
    let is_in = |word: &String| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    sought.filter(is_in).collect()
}

/// Every file below a directory.
fn files(folder: &Path, show: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, show);
        } else if let Ok(bytes) = fs::read(&path) {
            show(&path, &bytes);
        }
    }
}

/// Runs a line; its words may be in its standard output only where `told` says so.
fn run(world: &World, line: &str, code: u8, told: &[&str]) -> Ran {
    let words: Vec<&str> = line.split_whitespace().collect();
    let all = [&["--data", "data", "--password-file", "password"], &words[..]].concat();
    let ran = binary(world.home.path(), &[], &all).ended(code);
    let seen = found(ran.stdout.as_bytes());
    let untold: Vec<_> = seen.iter().filter(|word| !told.contains(&word.as_str())).collect();
    assert!(untold.is_empty(), "{line}: {untold:?}\n{}", ran.stdout);
    assert_eq!(found(ran.stderr.as_bytes()), Vec::<String>::new(), "{line}: {}", ran.stderr);
    ran
}

#[test]
fn neither_values_nor_paths_of_secrets_are_to_be_seen_anywhere() {
    // RK-057, RK-061, RK-064, RK-065
    let world = World::begun("2025-01-01T00:00:00Z");
    world.file("value", VALUE);
    world.file("other", OTHER);
    let rule = r#"{"rules":[{"who":["token:ci"],"may":["read"],"under":["wolverine/tapir"]}]}"#;
    world.file("policy.json", rule);
    let server = Talkative::on(&world);
    let path = ["wolverine", "tapir", "ocelot"];
    run(&world, &format!("secret put {PATH} --file value"), 0, &[]);
    run(&world, &format!("secret put {PATH} --file other --cas 1"), 0, &[]);
    run(&world, &format!("secret put {PATH} --file other --cas 1 --output json"), 1, &[]);
    let got = run(&world, &format!("secret get {PATH} --version 1"), 0, &["narwhal"]);
    assert_eq!(got.stdout, VALUE);
    run(&world, &format!("secret get {PATH} --field none"), 1, &[]);
    run(
        &world,
        &format!("secret metadata {PATH} --set owner={TEXT}"),
        0,
        &[&path[..], &[TEXT]].concat(),
    );
    run(&world, "secret list", 0, &path);
    run(&world, "policy set public-name --file policy.json", 0, &[]);
    run(&world, "policy list", 0, &[]);
    run(&world, &format!("secret delete {PATH}"), 0, &[]);
    run(&world, &format!("secret get {PATH}"), 1, &[]);
    run(&world, &format!("secret undelete {PATH}"), 0, &[]);
    run(&world, &format!("secret get {PATH}/none"), 1, &[]);
    run(&world, &format!("secret purge {PATH} --version 1"), 0, &[]);
    for line in [
        "audit query --limit 100",
        "audit query --limit 100 --output json",
        "audit export",
        "audit verify",
        "root status",
        "root status --output json",
        "actor list",
        "key list",
    ] {
        run(&world, line, 0, &[]);
    }
    drop(server);
    let text = said(&world);
    assert_eq!(found(text.as_bytes()), Vec::<String>::new(), "{text}");
    let mut count = 0;
    files(&world.path("data"), &mut |file, bytes| {
        count += 1;
        assert_eq!(found(bytes), Vec::<String>::new(), "{}", file.display());
    });
    assert!(count > 1, "the store has files");
}

#[test]
fn a_token_is_shown_once_and_is_to_be_seen_nowhere_else() {
    // RK-056
    let world = World::begun("2025-01-01T00:00:00Z");
    let server = Talkative::on(&world);
    let text = said(&world);
    let mut words = text.split_whitespace();
    let address = words.find(|word| word.starts_with("http://")).expect("an address");
    let ran = |line: &str, code: u8| {
        let words: Vec<&str> = line.split_whitespace().collect();
        binary(world.home.path(), &[], &words).ended(code)
    };
    let made = ran("--data data token create --name laptop --role viewer", 0);
    let token = made.stdout.lines().next().expect("a token").to_owned();
    let coded = token.strip_prefix("kwt_").expect("its prefix");
    let random = URL_SAFE_NO_PAD.decode(coded).expect("base64");
    assert_eq!(random.len(), 32);
    world.file("token", &token);
    // It is used, well and badly, and withdrawn.
    let list = format!("--addr {address} --token-file token key list");
    ran(&list, 0);
    ran(&format!("--addr {address} --token-file token key generate --key-id k"), 2);
    let listed = ran("--data data token list", 0).stdout;
    assert!(listed.contains("laptop"), "{listed}");
    let listed = listed + &ran("--data data token list --output json", 0).stdout;
    ran("--data data token revoke laptop", 0);
    ran(&list, 2);
    let audit = ran("--data data audit query --type TOKEN_* --output json", 0).stdout;
    assert!(audit.contains("TOKEN_CREATED") && audit.contains("TOKEN_REVOKED"), "{audit}");
    drop(server);
    let sought = [coded.as_bytes().to_vec(), STANDARD.encode(&token).into_bytes(), random];
    let seen = |bytes: &[u8]| {
        sought.iter().any(|sought| bytes.windows(sought.len()).any(|part| part == sought))
    };
    assert!(seen(made.stdout.as_bytes()), "what is looked for is found where it is");
    for text in [made.stderr, listed, audit, said(&world)] {
        assert!(!seen(text.as_bytes()), "{text}");
    }
    let mut count = 0;
    files(&world.path("data"), &mut |file, bytes| {
        count += 1;
        assert!(!seen(bytes), "{}", file.display());
    });
    assert!(count > 1, "the store has files");
}
