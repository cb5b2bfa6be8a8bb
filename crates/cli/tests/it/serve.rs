//! `keyward serve`, and that commands print the same through it as without it.

use crate::{
    both::masked,
    server::Server,
    world::{Ran, World, binary},
};

#[test]
fn every_command_prints_the_same_through_a_server_as_without_one() {
    let worlds = [(); 2].map(|()| {
        let world = World::at("2025-01-01T00:00:00Z");
        world.file("password", "correct horse battery staple\n");
        world.file("artifact", "the artifact");
        let init = ["--data", "data", "--password-file", "password", "init"];
        binary(world.home.path(), &[], &init).ended(0);
        world
    });
    let server = Server::on(&worlds[1]);
    let anchor = "550e8400-e29b-41d4-a716-446655440000";
    let script = format!(
        "profile list|key list|key generate --key-id a|\
         key generate --key-id a|key show a|key show nobody|\
         anchor create --anchor-id {anchor} --purl-pattern pkg:npm/* --key-ids a \
         --predicate-types evidence.stella/v1|anchor list|anchor list --output json|\
         sign --key-id a --artifact artifact --purl pkg:npm/x@1 \
         --predicate-type evidence.stella/v1 --out proof.json|\
         verify proof.json --artifact artifact|verify proof.json --output json|\
         verify artifact|verify proof.json proof.json|anchor status 550e8400...|\
         anchor status 550e|key generate --key-id b|\
         anchor add-key --anchor-id {anchor} --key-id b|key rotate --key-id a --new-key-id b|\
         key check-validity a|key check-validity b|key rotation-warnings|\
         anchor revoke-key --anchor-id ALL --key-id a --reason no-such-reason|\
         anchor revoke-key --anchor-id ALL --key-id a --reason annual-rotation|\
         anchor history {anchor}|anchor export {anchor}|proof list|key history a|\
         audit query --type KEY_* --limit 3|incident report --key b|\
         key revoke b --reason compromise|sign --key-id b artifact|\
         token create --name ci --role signer --output json|token create --name x --role signer \
         --scopes no.such|token list|actor list|proof rescan|audit verify|\
         key export-metadata|anchor deactivate {anchor}|anchor deactivate {anchor}"
    );
    let mut different = Vec::new();
    for line in script.split('|') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let all = [&["--data", "data", "--password-file", "password"], &words[..]].concat();
        let [alone, served] = worlds.each_ref().map(|world| {
            let Ran { code, stdout, stderr } = binary(world.home.path(), &[], &all);
            (code, masked(&stdout), masked(&stderr))
        });
        if alone != served {
            different.push((line, alone, served));
        }
    }
    assert_eq!(different, []);
    server.stop();
    assert!(!worlds[1].path("data/keyward.sock").exists());
    let list = ["--data", "data", "key", "list"];
    binary(worlds[1].home.path(), &[], &list).ended(0);
}

#[test]
fn a_second_server_names_the_first() {
    let world = World::at("2025-01-01T00:00:00Z");
    world.file("password", "correct horse battery staple\n");
    let with = ["--data", "data", "--password-file", "password"];
    binary(world.home.path(), &[], &[&with[..], &["init"]].concat()).ended(0);
    let server = Server::on(&world);
    let serve = [&with[..], &["serve", "--listen", "127.0.0.1:0"]].concat();
    let ran = binary(world.home.path(), &[], &serve).ended(2);
    let expected = format!("error: data is in use by process {}: stop it", server.id());
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    server.stop();
}
