//! Who may do what where.

use std::num::NonZeroU32;

use keyward::secret::{
    Asker, Limit, MetadataChange,
    path::PathPrefix,
    policy::{Policy, Subject},
};
use keyward_lifecycle::{access::Role, refusal::SecretRefusal, secret::PolicyName};

use super::{START, path, refused};
use crate::store::{World, world};

const RULES: &str = r#"{"rules":[{"who":["token:ci"],"may":["read","list"],"under":["app"]}]}"#;

fn ci(world: &World) -> Asker {
    let subject = Subject::Token { name: "ci".into(), role: Role::Signer };
    Asker { actor: world.keyward.actor("token:ci").expect("an actor"), subject }
}

fn name(text: &str) -> PolicyName {
    PolicyName::parse(text).expect("a name")
}

fn set(world: &World, json: &str) -> u32 {
    let policy = Policy::parse(json.as_bytes()).expect("a policy");
    let set = world.keyward.set_policy(&world.actor, &name("ci-reads"), policy);
    set.expect("set").version.get()
}

fn may_read(world: &World, at: &str) -> bool {
    match world.keyward.secret(&ci(world), &path(at), None) {
        Ok(_) => true,
        Err(error) => {
            let refusal = refused::<()>(Err(error));
            assert_eq!(refusal, SecretRefusal::NotPermitted { action: "read" });
            false
        }
    }
}

#[test]
fn nothing_is_permitted_until_a_policy_says_so_and_no_longer_than_it_does() {
    let world = world(START);
    for at in ["app", "app/db", "apple"] {
        world.try_put(at, b"value", None).expect("written");
    }
    assert!(!may_read(&world, "app/db"));
    // Nor is it told whether anything is there.
    assert!(!may_read(&world, "app/none"));
    assert_eq!(set(&world, RULES), 1);
    assert!(may_read(&world, "app") && may_read(&world, "app/db"));
    assert!(!may_read(&world, "apple"), "`app` does not cover `apple`");
    let by = ci(&world);
    let list = |prefix: &str| {
        let prefix = PathPrefix::parse(prefix).expect("a prefix");
        world.keyward.list_secrets(&by, &prefix, None, 9).map(|page| page.secrets.len())
    };
    assert_eq!(list("app").expect("a list"), 2);
    assert_eq!(refused(list("")), SecretRefusal::NotPermitted { action: "list" });
    assert_eq!(refused(list("apple")), SecretRefusal::NotPermitted { action: "list" });
    let put = world.keyward.put_secret(&by, &path("app/db"), b"x", None);
    assert_eq!(refused(put), SecretRefusal::NotPermitted { action: "write" });
    let purge = world.keyward.purge_secret(&by, &path("app/db"), &[]);
    assert_eq!(refused(purge), SecretRefusal::NotPermitted { action: "delete" });

    let world = world.reopened();
    assert!(may_read(&world, "app/db"), "policies are there after a restart");
    assert_eq!(set(&world, &RULES.replace("\"app\"", "\"other\"")), 2);
    assert!(!may_read(&world, "app/db"), "a policy that is replaced grants nothing");
    set(&world, RULES);
    assert!(may_read(&world, "app/db"));
    let standing = world.keyward.policy(&name("ci-reads")).expect("the policy");
    assert_eq!((standing.version.get(), standing.policy.to_json().as_str()), (3, RULES));
    world.keyward.remove_policy(&world.actor, &name("ci-reads")).expect("removed");
    assert!(!may_read(&world, "app/db"));
    assert_eq!(world.keyward.policies().expect("a list"), vec![]);
    let gone = world.keyward.remove_policy(&world.actor, &name("ci-reads"));
    assert_eq!(refused(gone), SecretRefusal::NoSuchPolicy(name("ci-reads")));
    assert_eq!(set(&world, RULES), 4, "numbers are used once");
    assert!(!world.facts("COMMAND_REFUSED").is_empty(), "refusals are logged");
}

#[test]
fn a_policy_whose_record_is_gone_grants_nothing_and_stops_nothing_else() {
    use keyward::storage::{Batch, ItemChange, Shelf};
    let world = world(START);
    world.try_put("app/db", b"value", None).expect("written");
    set(&world, RULES);
    let items = world.parts.storage.items(Shelf::Record, None, 100).expect("items");
    let is_policy = |item: &&keyward::storage::Item| {
        String::from_utf8_lossy(&item.name).contains("`policy.ci-reads`")
    };
    let record = items.iter().find(is_policy).expect("its record").name.clone();
    let heads = world.parts.storage.heads().expect("heads");
    let items = vec![ItemChange::Remove(Shelf::Record, record)];
    let batch = Batch { items, ..Batch::default() };
    world.parts.storage.append(heads, &batch).expect("removed behind its back");
    let world = world.reopened();
    assert!(!may_read(&world, "app/db"));
    assert_eq!(world.value("app/db"), b"value", "an admin needs no policy");
    let standing = world.keyward.secret_standing().expect("unsealed");
    assert_eq!(standing.policies_unreadable, 1);
}

#[test]
fn a_policy_is_read_when_it_is_set_and_at_an_unsealing_and_not_for_each_question() {
    // RK-061: what a read costs grows with neither versions nor secrets nor policies.
    use keyward::storage::{Batch, ItemChange, Shelf};
    let world = world(START);
    world.try_put("app/db", b"value", None).expect("written");
    set(&world, RULES);
    assert!(may_read(&world, "app/db"));
    let items = world.parts.storage.items(Shelf::Record, None, 100).expect("items");
    let is_policy = |item: &keyward::storage::Item| {
        String::from_utf8_lossy(&item.name).contains("`policy.ci-reads`")
    };
    let mut record = items.into_iter().find(is_policy).expect("its record");
    *record.bytes.last_mut().expect("not empty") ^= 1;
    world.keyward.flush_secret_reads().expect("logged");
    let heads = world.parts.storage.heads().expect("heads");
    let items = vec![ItemChange::Put(Shelf::Record, record)];
    let batch = Batch { items, ..Batch::default() };
    world.parts.storage.append(heads, &batch).expect("spoilt behind its back");
    assert!(may_read(&world, "app/db"), "nothing was opened to answer");
    world.keyward.seal();
    let world = world.unsealed();
    assert!(!may_read(&world, "app/db"), "now it was");
}

#[test]
fn metadata_is_told_to_readers_and_a_limit_that_drops_versions_needs_the_right_to_delete() {
    // RK-055
    let world = world(START);
    for value in [b"one", b"two"] {
        world.try_put("app/db", value, None).expect("written");
    }
    let by = ci(&world);
    let keep = |limit| {
        let limit = Limit::Versions(NonZeroU32::new(limit).expect("not 0"));
        let texts = Some([("owner".to_owned(), "ops".to_owned())].into());
        let change = MetadataChange { texts, limit, expected: None };
        world.keyward.set_secret_metadata(&by, &path("app/db"), change)
    };
    let may = |may: &str| set(&world, &RULES.replace(r#""read","list""#, may));
    may(r#""write""#);
    let known = keep(2).expect("nothing is dropped");
    assert_eq!((known.current, known.limit), (2, 2));
    assert_eq!((known.texts, known.versions), (None, None), "it may not be read");
    assert_eq!(refused(keep(1)), SecretRefusal::NotPermitted { action: "delete" });
    assert_eq!(world.get("app/db", Some(1)).expect("kept").value.expose(), b"one");
    may(r#""write","delete""#);
    assert_eq!(keep(1).expect("dropped").limit, 1);
    let none = SecretRefusal::NoSuchVersion(super::version(1));
    assert_eq!(refused(world.get("app/db", Some(1))), none);
    may(r#""write","read""#);
    let known = keep(1).expect("as before");
    assert_eq!(known.texts.expect("it may be read")["owner"], "ops");
    assert_eq!(known.versions.expect("it may be read").len(), 1);
}
