//! Who gets in: certificates, and users of this machine.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use rustix::process::Signal;
use std::io::Write as _;

use crate::{
    server::Server,
    world::{Ran, World, binary},
};

/// A certificate for 127.0.0.1 that vouches for itself, `NAME.crt`, and its key, `NAME.key`.
fn certificate(world: &World, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
        .current_dir(world.home.path())
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A store and a server that shows the certificate `tls`; a token for it is in `token`.
fn over_tls() -> (World, Server) {
    let world = World::begun("2025-01-01T00:00:00Z");
    world.keyward(&["key", "generate", "--key-id", "k"]).ended(0);
    certificate(&world, "tls");
    let tls = ["--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    let server = Server::with(&world, &["--password-file", "password"], &tls);
    let create = ["--data", "data", "token", "create", "--name", "laptop", "--role", "viewer"];
    world.file("token", binary(world.home.path(), &[], &create).ended(0).stdout);
    (world, server)
}

/// Lists the keys over TLS, trusting one certificate alone.
fn list(world: &World, server: &Server, ca: &str) -> Ran {
    let to = ["--addr", &server.address, "--ca", ca, "--token-file", "token"];
    binary(world.home.path(), &[], &[&to[..], &["key", "list"]].concat())
}

#[test]
fn the_client_trusts_the_certificate_that_it_is_given_and_no_other() {
    let (world, server) = over_tls();
    assert!(server.address.starts_with("https://127.0.0.1:"), "{}", server.address);
    certificate(&world, "other");
    let good = list(&world, &server, "tls.crt").ended(0);
    let here = binary(world.home.path(), &[], &["--data", "data", "key", "list"]).ended(0);
    assert_eq!(good, here, "as over the socket");
    for wrong in ["other.crt", "token"] {
        let ran = list(&world, &server, wrong).ended(2);
        assert_eq!(ran.stdout, "");
        let expected = match wrong {
            "token" => "error: token holds no PEM certificate\n".to_owned(),
            _ => format!("error: the server at {} does not answer: ", server.address),
        };
        assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    }
    let to = ["--addr", &server.address, "--token-file", "token", "key", "list"];
    let ran = binary(world.home.path(), &[], &to).ended(2);
    assert!(ran.stderr.contains("does not answer: "), "the system vouches not: {}", ran.stderr);
    let to = ["--addr", &server.address, "--ca", "tls.crt", "key", "list"];
    let ran = binary(world.home.path(), &[], &to).ended(2);
    assert!(ran.stderr.contains("Bearer TOKEN"), "no token, no answer: {}", ran.stderr);
    server.stop();
}

#[test]
fn a_hangup_makes_the_server_read_its_certificate_again() {
    let (world, server) = over_tls();
    list(&world, &server, "tls.crt").ended(0);
    let length = |name: &str| fs::metadata(world.path(name)).expect(name).len();
    // The server looks at lengths and times by itself; with those as before, only the signal
    // makes it read again. Signatures differ in length by a byte or two.
    let mut tries = 0;
    while tries == 0 || length("new.crt") != length("tls.crt") {
        certificate(&world, "new");
        tries += 1;
        assert!(tries < 200, "no certificate of that length");
    }
    fs::copy(world.path("tls.crt"), world.path("old.crt")).expect("a copy");
    for end in ["crt", "key"] {
        let (from, to) = (world.path(&format!("new.{end}")), world.path(&format!("tls.{end}")));
        let changed = fs::metadata(&to).expect("the file").modified().expect("a time");
        fs::copy(from, &to).expect("a copy");
        let file = File::options().write(true).open(&to).expect("the file");
        file.set_modified(changed).expect("a time");
    }
    list(&world, &server, "old.crt").ended(0);
    server.signal(Signal::HUP);
    let taken_up = (0..500).any(|_| list(&world, &server, "new.crt").code == 0);
    assert!(taken_up, "the new certificate is not shown");
    list(&world, &server, "old.crt").ended(2);
    server.stop();
}

/// Nobody's user id on Linux.
const NOBODY: &str = "65534";

#[test]
fn another_user_of_the_machine_is_turned_away_at_the_socket() {
    let world = World::begun("2025-01-01T00:00:00Z");
    let server = Server::on(&world);
    let mode =
        |name: &str| fs::metadata(world.path(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/keyward.sock")), (0o700, 0o600));
    if !rustix::process::geteuid().is_root() {
        let mut stdout = std::io::stdout();
        let said = "another user: not tried, that needs root; the modes are as they must be";
        writeln!(stdout, "{said}").expect("stdout");
        return;
    }
    let program = world.path("keyward");
    fs::copy(env!("CARGO_BIN_EXE_keyward"), &program).expect("a copy");
    let as_nobody = || {
        let output = Command::new("setpriv")
            .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
            .arg(&program)
            .args(["--data", "data", "key", "list"])
            .current_dir(world.home.path())
            .env_clear()
            .output()
            .expect("setpriv runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    open_up(world.home.path(), 0o755);
    let (code, stdout, stderr) = as_nobody();
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "the modes keep him out: {stderr}");
    // With every mode wrong, the kernel's word on who calls still keeps him out.
    open_up(&world.path("data"), 0o755);
    open_up(&world.path("data/keyward.sock"), 0o666);
    let (code, stdout, stderr) = as_nobody();
    let expected = "error: user 65534 does not own this store\n\
                    hint: call as the user who runs the server, or over TCP with a token\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(2), "", expected));
    open_up(&world.path("data"), 0o700);
    server.stop();
}

fn open_up(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}
