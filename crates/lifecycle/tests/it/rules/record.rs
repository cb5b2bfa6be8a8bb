//! The store itself: how it began, who may do what, and what the ledger says.

use keyward_lifecycle::{
    access::{Role, Scope, Token},
    command::{Command, LedgerNote},
    event::Fact,
    id::{ActorId, ContentId, Digest, Fingerprint},
    key::Reason,
    refusal::Refusal,
};

use crate::world::{World, day, generate, id};

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

#[test]
fn a_store_begins_once() {
    let mut world = World::begun();
    let begin = Command::CreateStore {
        root_id: Fingerprint::of_spki(b"root"),
        authority: digest("authority"),
        log_key: "log+1+key".into(),
    };
    world.must(begin.clone());
    assert_eq!(world.state.store().unwrap().created_at, day(0));
    assert_eq!(world.refused(begin), Refusal::StoreExists);
}

#[test]
fn versions_of_the_authority_only_go_up() {
    // HA-08
    let mut world = World::begun();
    let replace = |version| Command::ReplaceAuthority { version, digest: digest("next") };
    assert_eq!(world.refused(replace(2)), Refusal::AuthorityMovedOn);
    world.must(Command::CreateStore {
        root_id: Fingerprint::of_spki(b"root"),
        authority: digest("authority"),
        log_key: "log+1+key".into(),
    });
    assert_eq!(world.refused(replace(1)), Refusal::AuthorityMovedOn);
    world.must(replace(2));
    let store = world.state.store().unwrap();
    assert_eq!((store.authority_version, store.authority), (2, digest("next")));
    assert_eq!(world.refused(replace(2)), Refusal::AuthorityMovedOn);
}

#[test]
fn a_person_is_named_once_and_can_be_forgotten() {
    let mut world = World::begun();
    let actor_id = ActorId::parse("a-0123").unwrap();
    let forget = Command::ForgetActor { actor_id: actor_id.clone() };
    let name = "a-0123".into();
    let nobody = Refusal::NoSuchName { what: "actor", name };
    assert_eq!(world.refused(forget.clone()), nobody);
    let commitment = digest("salt and name");
    let register = Command::RegisterActor { actor_id: actor_id.clone(), commitment };
    world.must(register.clone());
    assert_eq!(world.run(register.clone()).unwrap().facts, []);
    world.must(forget.clone());
    assert_eq!(world.run(forget).unwrap().facts, []);
    assert!(world.state.actor(&actor_id).unwrap().forgotten);
    // The pseudonym is not handed out again.
    assert_eq!(world.run(register).unwrap().facts, []);
}

fn token(name: &str) -> Token {
    Token {
        token_id: name.into(),
        digest: digest(name),
        role: Role::Operator,
        scopes: vec![Scope::KeysRead, Scope::KeysRevoke, Scope::ProofsWrite],
        expires_at: day(10),
    }
}

#[test]
fn a_token_opens_what_its_role_and_its_scopes_allow_until_it_expires() {
    // HA-21, RK-055
    let mut world = World::begun();
    world.must(Command::CreateToken(token("t1")));
    let taken = Refusal::NameTaken { what: "token", name: "t1".into() };
    assert_eq!(world.refused(Command::CreateToken(token("t1"))), taken);
    let held = world.state.token_of(&digest("t1")).unwrap();
    let last = day(10).plus_seconds(-1);
    assert!(held.allows(Scope::KeysRevoke, last));
    assert!(!held.allows(Scope::KeysRevoke, day(10)));
    // Narrowed away; and never the role's.
    assert!(!held.allows(Scope::KeysManage, last));
    assert!(!held.allows(Scope::ProofsWrite, last));

    let revoke = |name: &str| Command::RevokeToken { token_id: name.into() };
    world.must(revoke("t1"));
    assert_eq!(world.state.token_of(&digest("t1")), None);
    let nobody = Refusal::NoSuchName { what: "token", name: "t2".into() };
    assert_eq!(world.refused(revoke("t2")), nobody);
    world.at(day(10));
    let over = Refusal::EmptyLimit { what: "the token's expiry" };
    assert_eq!(world.refused(Command::CreateToken(token("t3"))), over);
}

#[test]
fn revoking_needs_less_than_managing() {
    // HA-21
    let may = |role: Role, scope| role.scopes().contains(&scope);
    assert!(may(Role::Operator, Scope::KeysRevoke) && !may(Role::Operator, Scope::AccessManage));
    assert!(may(Role::Signer, Scope::ProofsWrite) && !may(Role::Signer, Scope::KeysManage));
    for role in [Role::Auditor, Role::Viewer] {
        let changes =
            [Scope::KeysManage, Scope::KeysRevoke, Scope::AnchorsManage, Scope::ProofsWrite];
        assert!(changes.iter().all(|scope| !may(role, *scope)), "{}", role.name());
    }
    assert!(Scope::ALL.iter().all(|scope| may(Role::Admin, *scope)));
    assert!(Scope::ALL.iter().all(|scope| Scope::named(scope.name()) == Some(*scope)));
    assert!(Role::ALL.iter().all(|role| Role::named(role.name()) == Some(*role)));
}

#[test]
fn the_ledger_is_opened_and_closed_once_and_a_gap_is_remembered() {
    let mut world = World::begun();
    let note = |note| Command::NoteLedger(note);
    world.must(note(LedgerNote::Head { size: 3, root: digest("root") }));
    assert_eq!(world.state.ledger().head.unwrap().size, 3);
    assert_eq!(world.run(note(LedgerNote::Close { size: 3 })).unwrap().facts, []);
    world.at(day(1)).must(note(LedgerNote::Open { size: 3 }));
    assert_eq!(world.run(note(LedgerNote::Open { size: 3 })).unwrap().facts, []);
    assert_eq!(world.state.ledger().open_since, Some(day(1)));
    world.at(day(2)).must(note(LedgerNote::Gap { from: day(1) }));
    assert_eq!(world.state.ledger().open_since, None);
    // A gap ends now, and does not begin later.
    world.must(note(LedgerNote::Gap { from: day(9) }));
    let gaps: Vec<_> = world.state.ledger().gaps.iter().copied().collect();
    assert_eq!(gaps, [(day(1), day(2)), (day(2), day(2))]);
}

#[test]
fn refusals_are_counted_and_no_count_is_beyond_the_log() {
    let mut world = World::begun();
    let note = Command::NoteRefusals {
        command: "key.revoke".into(),
        refusal: "no-such-key".into(),
        key_id: Some(id("nobody")),
        count: u64::MAX,
    };
    world.must(note);
    assert_eq!(world.state.counts().refusals, (1 << 53) - 1);
    let newest = world.log.last().unwrap();
    assert_eq!(newest.fact.key_id(), Some(&id("nobody")));
    assert!(newest.to_leaf().is_ok());
}

#[test]
fn what_is_noted_about_a_key_names_a_key_that_is_there() {
    let mut world = World::begun();
    let report = ContentId::of(b"report");
    let incident = Command::NoteIncident { key_id: id("k1"), report };
    let (old, new) = (ContentId::of(b"old"), ContentId::of(b"new"));
    let reason = Reason::KeyCompromise;
    let resigned = Command::NoteResigned { old, new, key_id: id("k1"), reason };
    for command in [incident, resigned] {
        let mut world = world.clone();
        assert_eq!(world.refused(command.clone()), Refusal::NoSuchKey(id("k1")));
        world.must(generate("k1"));
        world.must(command);
    }
    let rollback = Command::AcceptRollback { kept_size: 9, kept_root: digest("kept") };
    let found_size = world.state.size();
    let facts = world.run(rollback).unwrap().facts;
    let expected = Fact::RollbackAccepted { kept_size: 9, kept_root: digest("kept"), found_size };
    assert_eq!(facts, [expected]);
}
