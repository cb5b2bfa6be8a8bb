//! Stored secrets: versions, policies, what is on disk, and what a crash leaves.

mod disk;
mod fault;
mod model;
mod policy;

use keyward::secret::{
    Asker, Changed, ReadSecret, SecretError, Written,
    path::{PathPrefix, SecretPath},
    policy::Subject,
};
use keyward_lifecycle::{
    refusal::{Refusal, SecretRefusal},
    secret::SecretVersion,
};

use crate::{act::Cause, act::refusal as why, store::World, store::world};

const START: &str = "2025-01-15T00:00:00Z";

fn path(text: &str) -> SecretPath {
    SecretPath::parse(text).expect("a path")
}

fn version(number: u32) -> SecretVersion {
    SecretVersion::new(number).expect("not 0")
}

fn versions(numbers: &[u32]) -> Vec<SecretVersion> {
    numbers.iter().map(|number| version(*number)).collect()
}

impl Cause for SecretError {
    fn cause(self) -> keyward::ExecuteError {
        match self {
            Self::Execute(error) => error,
            other => panic!("not the writer's: {other:?}"),
        }
    }
}

/// Why it was refused.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, SecretError>) -> SecretRefusal {
    match why(result) {
        Refusal::Secret(refusal) => refusal,
        other => panic!("not about secrets: {other:?}"),
    }
}

impl World {
    fn admin(&self) -> Asker {
        Asker { actor: self.actor.clone(), subject: Subject::Admin }
    }

    fn try_put(&self, at: &str, value: &[u8], cas: Option<u32>) -> Result<Written, SecretError> {
        self.keyward.put_secret(&self.admin(), &path(at), value, cas)
    }

    fn get(&self, at: &str, number: Option<u32>) -> Result<ReadSecret, SecretError> {
        self.keyward.secret(&self.admin(), &path(at), number.map(version))
    }

    #[track_caller]
    fn value(&self, at: &str) -> Vec<u8> {
        self.get(at, None).expect("a value").value.expose().to_vec()
    }

    fn delete(&self, at: &str, numbers: &[u32]) -> Result<Changed, SecretError> {
        self.keyward.delete_secret(&self.admin(), &path(at), &versions(numbers))
    }

    fn undelete(&self, at: &str, numbers: &[u32]) -> Result<Changed, SecretError> {
        self.keyward.undelete_secret(&self.admin(), &path(at), &versions(numbers))
    }

    fn purge(&self, at: &str, numbers: &[u32]) -> Result<Changed, SecretError> {
        self.keyward.purge_secret(&self.admin(), &path(at), &versions(numbers))
    }

    fn listed(&self, prefix: &str) -> Vec<String> {
        let prefix = PathPrefix::parse(prefix).expect("a prefix");
        let page = self.keyward.list_secrets(&self.admin(), &prefix, None, 1000).expect("a list");
        page.secrets.iter().map(|secret| secret.path.to_string()).collect()
    }
}

#[test]
fn a_secret_is_put_read_deleted_brought_back_and_purged() {
    // RK-061, RK-065
    let world = world(START);
    assert_eq!(refused(world.get("app/db", None)), SecretRefusal::NoSuchSecret);
    let written = world.try_put("app/db", b"one", None).expect("written");
    assert_eq!((written.version, written.dropped), (version(1), vec![]));
    assert_eq!(world.try_put("app/db", b"two", None).expect("written").version, version(2));
    assert_eq!(world.value("app/db"), b"two");
    assert_eq!(world.get("app/db", Some(1)).expect("a value").value.expose(), b"one");
    let none = SecretRefusal::NoSuchVersion(version(3));
    assert_eq!(refused(world.get("app/db", Some(3))), none);

    assert_eq!(world.delete("app/db", &[]).expect("deleted").versions, versions(&[2]));
    assert_eq!(refused(world.get("app/db", None)), SecretRefusal::Deleted(version(2)));
    assert_eq!(world.get("app/db", Some(1)).expect("a value").value.expose(), b"one");
    assert_eq!(world.delete("app/db", &[2]).expect("so already").versions, vec![]);
    assert_eq!(world.undelete("app/db", &[]).expect("back").versions, versions(&[2]));
    assert_eq!(world.value("app/db"), b"two");

    let purged = world.purge("app/db", &[2]).expect("purged");
    assert_eq!((purged.versions, purged.whole), (versions(&[2]), false));
    // An older value is not given in place of the newest.
    assert_eq!(refused(world.get("app/db", None)), SecretRefusal::NewestPurged(version(2)));
    assert_eq!(world.get("app/db", Some(1)).expect("a value").value.expose(), b"one");
    assert!(world.purge("app/db", &[]).expect("purged").whole);
    assert_eq!(refused(world.get("app/db", Some(1))), SecretRefusal::NoSuchSecret);
    assert_eq!(world.listed(""), Vec::<String>::new());
    // Numbers are used once.
    assert_eq!(world.try_put("app/db", b"anew", Some(0)).expect("written").version, version(3));
    assert_eq!(world.listed(""), ["app/db"]);
    let world = world.reopened();
    assert_eq!(world.value("app/db"), b"anew");
    world.audit();
}

#[test]
fn compare_and_set_names_the_current_version() {
    let world = world(START);
    let another = |expected, current| SecretRefusal::AnotherVersion { expected, current };
    assert_eq!(refused(world.try_put("a", b"x", Some(1))), another(1, 0));
    world.try_put("a", b"x", Some(0)).expect("written");
    assert_eq!(refused(world.try_put("a", b"y", Some(0))), another(0, 1));
    world.try_put("a", b"y", Some(1)).expect("written");
    assert_eq!(refused(world.try_put("a", b"z", Some(1))), another(1, 2));
    assert_eq!(world.value("a"), b"y");
}

#[test]
fn puts_at_the_same_time_lose_nothing() {
    let world = world(START);
    let put = |writer: usize| {
        let one = |round: usize| {
            let value = format!("{writer} {round}");
            let written = world.try_put("shared/path", value.as_bytes(), None).expect("written");
            (written.version, value)
        };
        (0..5).map(one).collect::<Vec<_>>()
    };
    let mut written = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|writer| scope.spawn(move || put(writer))).collect();
        writers.into_iter().flat_map(|it| it.join().expect("no panic")).collect::<Vec<_>>()
    });
    written.sort();
    let numbers: Vec<u32> = written.iter().map(|(version, _)| version.get()).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>(), "each put has a version of its own");
    for (version, value) in written.iter().skip(30) {
        let found = world.get("shared/path", Some(version.get())).expect("a value");
        assert_eq!(found.value.expose(), value.as_bytes());
    }
}

#[test]
fn a_sealed_store_refuses_everything_about_secrets_and_reads_on_when_unsealed() {
    let world = world(START);
    world.try_put("app/db", b"value", None).expect("written");
    world.keyward.seal();
    let sealed = |result: Result<(), SecretError>| {
        let error = result.map_err(Cause::cause).expect_err("sealed");
        assert!(matches!(error, keyward::ExecuteError::Sealed), "{error:?}");
    };
    sealed(world.get("app/db", None).map(drop));
    sealed(world.try_put("app/db", b"x", None).map(drop));
    sealed(world.delete("app/db", &[]).map(drop));
    sealed(world.undelete("app/db", &[]).map(drop));
    sealed(world.purge("app/db", &[]).map(drop));
    let every = PathPrefix::EVERY;
    sealed(world.keyward.list_secrets(&world.admin(), &every, None, 9).map(drop));
    sealed(world.keyward.secret_metadata(&world.admin(), &path("app/db")).map(drop));
    sealed(world.keyward.policies().map(drop));
    let world = world.unsealed();
    assert_eq!(world.value("app/db"), b"value");
    assert_eq!(world.listed("app"), ["app/db"]);
}

#[test]
fn reads_are_logged_with_their_count_and_their_reader() {
    let world = world(START);
    world.try_put("app/db", b"value", None).expect("written");
    for _ in 0..3 {
        world.value("app/db");
    }
    world.keyward.flush_secret_reads().expect("logged");
    let logged = world.facts("SECRET_READ");
    let counts: Vec<u64> = logged
        .iter()
        .map(|fact| match fact {
            keyward_lifecycle::event::Fact::Secret(
                keyward_lifecycle::event::SecretFact::Read { count, .. },
            ) => *count,
            other => panic!("{other:?}"),
        })
        .collect();
    // The thread beside the secrets may have logged some before.
    assert_eq!(counts.iter().sum::<u64>(), 3, "{logged:?}");
    // A read that is not logged yet is logged at the end.
    world.value("app/db");
    let world = world.reopened();
    assert!(world.facts("SECRET_READ").len() > logged.len());
}
