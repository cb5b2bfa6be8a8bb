//! Ends only come earlier, reasons only escalate, and nothing un-revokes.

use keyward_lifecycle::{
    command::{Anchors, Command, Effective, Force, Revoke, RevokedAt},
    event::Fact,
    key::{CompromiseScope, Reason, Status},
    profile::Strictness,
    refusal::{Refusal, Unusable, Warning},
    time::Timestamp,
};

use crate::world::{
    REASONS, World, add, anchor_id, create, day, destroy, generate, id, policy, profile,
    revocation, revocation_at, revoke, revoke_at,
};

/// `k1` signs; `k1` and `k2` are believed in anchors 1 and 2 since day 0; it is day 20.
fn world() -> World {
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    world.must(create(1, &["k1", "k2"]));
    world.must(create(2, &["k1", "k2"]));
    world.at(day(20));
    world
}

fn from(effective: Timestamp, reason: &str) -> Command {
    let effective = Effective::At(effective);
    Command::Revoke(Revoke { effective, ..revocation("k1", reason) })
}

#[test]
fn a_benign_end_in_one_anchor_is_that_anchor_s_alone() {
    // SO-051, SO-056, HA-07
    let mut world = world();
    let facts = world.run(revoke_at(1, "k1", day(25))).unwrap().facts;
    let expected = Fact::KeyRevoked {
        key_id: id("k1"),
        anchor_id: Some(anchor_id(1)),
        reason: Reason::Superseded,
        effective_at: day(25),
        invalidity_date: None,
        scope: CompromiseScope::Key,
    };
    assert_eq!(facts, [expected]);
    assert_eq!(world.window("k1", 1).end(), Some(day(25)));
    assert_eq!(world.window("k1", 2).end(), None);
    // It ends a belief, not the key.
    assert_eq!(world.at(day(30)).may_sign("k1"), Ok(()));
}

#[test]
fn a_compromise_given_in_one_anchor_is_the_key_s_everywhere() {
    // HA-06, HA-07, SO-100
    let mut world = world();
    let at = RevokedAt::Anchor(anchor_id(1));
    let facts =
        world.run(Command::Revoke(Revoke { at, ..revocation("k1", "compromise") })).unwrap().facts;
    let expected = Fact::KeyRevoked {
        key_id: id("k1"),
        anchor_id: None,
        reason: Reason::KeyCompromise,
        effective_at: day(20),
        invalidity_date: None,
        scope: CompromiseScope::Server,
    };
    assert_eq!(facts, [expected]);
    for anchor in [1, 2] {
        assert_eq!(world.window("k1", anchor).end(), Some(day(20)));
    }
    let stopped = Unusable::Status(Status::Compromised);
    let refusal = Refusal::Unusable { key_id: id("k1"), why: stopped };
    assert_eq!(world.may_sign("k1"), Err(refusal));
    // No anchor, present or future, believes it again.
    let wanted = "be added to a trust anchor";
    let dead = Refusal::WrongStatus { key_id: id("k1"), status: Status::Compromised, wanted };
    assert_eq!(world.refused(create(3, &["k1"])), dead);
    let everywhere = Command::AddKey { to: Anchors::Every, key_id: id("k1") };
    assert_eq!(world.refused(everywhere), dead);
}

#[test]
fn the_emergency_steps_of_the_runbook_leave_a_new_signer() {
    // SO-100, SO-101, SO-102
    let mut world = world();
    let warnings = world.must(revoke("k1", "compromise"));
    assert_eq!(warnings, [Warning::InvalidityUnknown]);
    assert_eq!(world.must(generate("emergency-key-20250121")), []);
    let to = Anchors::AffectedBy(id("k1"));
    assert_eq!(world.must(Command::AddKey { to, key_id: id("emergency-key-20250121") }), []);
    assert_eq!(world.signer(), Some("emergency-key-20250121"));
    for anchor in [1, 2] {
        assert_eq!(world.window("emergency-key-20250121", anchor).start(), day(20));
    }
}

#[test]
fn an_end_moves_earlier_and_never_later() {
    // SO-052
    let mut world = world();
    let later = |what, recorded, asked| Refusal::OnlyEarlier { what, recorded, asked };
    let what = "effective time";
    world.must(revoke_at(1, "k1", day(30)));
    assert_eq!(world.refused(revoke_at(1, "k1", day(31))), later(what, day(30), day(31)));
    world.must(revoke_at(1, "k1", day(29)));
    assert_eq!(world.window("k1", 1).end(), Some(day(29)));

    world.must(from(day(40), "superseded"));
    assert_eq!(world.refused(from(day(41), "superseded")), later(what, day(40), day(41)));
    world.must(from(day(30), "superseded"));
    assert_eq!(world.window("k1", 2).end(), Some(day(30)));

    let since = |day| {
        let compromised_since = Some(day);
        Command::Revoke(Revoke { compromised_since, ..revocation("k1", "compromise") })
    };
    world.must(since(day(10)));
    assert_eq!(world.window("k1", 2).end(), Some(day(10)));
    let refusal = later("invalidity date", day(10), day(11));
    assert_eq!(world.refused(since(day(11))), refusal);
    world.must(since(day(9)));
    assert_eq!(world.window("k1", 2).end(), Some(day(9)));
}

#[test]
fn the_same_end_again_is_no_event() {
    // SO-052
    let compromised_since = Some(day(10));
    let at = RevokedAt::Anchor(anchor_id(2));
    let repeated = [
        revoke_at(1, "k1", day(30)),
        revoke_at(1, "k1", Timestamp::MAX),
        from(day(30), "superseded"),
        from(day(30), "compromise"),
        Command::Revoke(Revoke { compromised_since, ..revocation("k1", "compromise") }),
        Command::Revoke(Revoke { at, ..revocation("k1", "compromise") }),
    ];
    for command in repeated {
        let mut world = world();
        assert_eq!(world.run(command.clone()).unwrap().facts.len(), 1);
        assert_eq!(world.run(command.clone()).unwrap().facts, [], "{command:?}");
    }
    // `NOW` an hour later asks for what stands.
    let mut world = world();
    world.must(revoke("k1", "compromise"));
    assert_eq!(world.at(day(21)).run(revoke("k1", "compromise")).unwrap().facts, []);
}

#[test]
fn a_reason_is_a_word_of_the_list_and_an_imported_one_of_no_list_is_a_compromise() {
    // HA-32
    for reason in REASONS {
        let words = [&[reason.name()], reason.aliases()].concat();
        for word in words {
            assert_eq!(word.parse(), Ok(reason));
            assert_eq!(Reason::imported(word), reason);
        }
    }
    assert_eq!("annual-rotation".parse(), Ok(Reason::Superseded));
    assert_eq!("compromise".parse(), Ok(Reason::KeyCompromise));
    for word in ["", "anual-rotation", "Superseded", " superseded"] {
        let unknown = word.parse::<Reason>().unwrap_err().to_string();
        let expected = format!(
            "reason `{word}` is unknown: expected superseded (annual-rotation), \
             cessationOfOperation (retired), affiliationChanged, privilegeWithdrawn, \
             keyCompromise (compromise) or unspecified"
        );
        assert_eq!(unknown, expected);
        assert_eq!(Reason::imported(word), Reason::KeyCompromise, "`{word}`");
    }
}

#[test]
fn reasons_only_escalate() {
    for first in REASONS {
        for second in REASONS {
            let mut world = world();
            world.must(revoke("k1", first.name()));
            let result = world.run(revoke("k1", second.name()));
            if first == Reason::KeyCompromise && second != first {
                let refusal = Refusal::OnlyEscalates { recorded: first, asked: second };
                assert_eq!(result, Err(refusal));
            } else {
                assert_eq!(result.unwrap().facts.is_empty(), first == second);
                assert_eq!(world.key("k1").revocation().unwrap().reason, second);
            }
        }
    }
}

#[test]
fn a_suspicion_of_the_server_is_not_taken_back() {
    let mut world = world();
    let of = |scope, since| {
        let compromised_since = Some(since);
        Command::Revoke(Revoke { scope, compromised_since, ..revocation("k1", "compromise") })
    };
    let scope = |world: &World| world.key("k1").revocation().unwrap().scope;
    world.must(of(CompromiseScope::Key, day(15)));
    assert_eq!(scope(&world), CompromiseScope::Key);
    world.must(of(CompromiseScope::Server, day(15)));
    assert_eq!(world.run(of(CompromiseScope::Key, day(15))).unwrap().facts, []);
    // Not by the way, either.
    world.must(of(CompromiseScope::Key, day(14)));
    assert_eq!(scope(&world), CompromiseScope::Server);
    assert_eq!(world.key("k1").revocation().unwrap().invalidity_date, Some(day(14)));
}

#[test]
fn a_compromise_is_never_in_the_future() {
    // HA-04, SO-055
    let mut world = world();
    world.must(from(day(90), "compromise"));
    let revocation = world.key("k1").revocation().unwrap();
    assert_eq!((revocation.effective_at, revocation.invalidity_date), (day(20), None));
    assert_eq!(world.key("k1").status(day(0)), Status::Compromised);
}

#[test]
fn an_ended_key_is_not_added_twice() {
    // HA-10
    let mut world = world();
    world.must(revoke_at(1, "k1", day(20)));
    let ended_at = day(20);
    let (key_id, anchor_id) = (id("k1"), anchor_id(1));
    let ended = Refusal::MembershipEnded { key_id, anchor_id, ended_at };
    assert_eq!(world.refused(add(1, "k1")), ended);
    assert_eq!(world.run(add(2, "k1")).unwrap().facts, []);
    let mut other = self::world();
    other.must(from(day(30), "superseded"));
    let pending = Refusal::WrongStatus {
        key_id: id("k1"),
        status: Status::Active,
        wanted: "be added to a trust anchor, being about to be revoked",
    };
    assert_eq!(other.refused(create(3, &["k1"])), pending);
}

#[test]
fn a_short_or_long_transition_is_said_and_a_strict_profile_refuses_a_short_one() {
    // SO-043
    let check = |end, expected: &[Warning]| {
        assert_eq!(world().must(revoke_at(1, "k1", end)), expected);
        assert_eq!(world().must(from(end, "superseded")), expected);
    };
    check(day(13), &[Warning::TransitionShort { days: 13 }]);
    check(day(14), &[]);
    check(day(28), &[]);
    check(day(29), &[Warning::TransitionLong { days: 29 }]);

    let mut strict = world();
    strict.must(policy(Strictness::Strict));
    let warning = Box::new(Warning::TransitionShort { days: 13 });
    let refusal = Refusal::Strict { profile: profile("default"), warning };
    assert_eq!(strict.refused(revoke_at(1, "k1", day(13))), refusal);
    assert_eq!(strict.refused(from(day(13), "superseded")), refusal);
    strict.must(revoke_at(1, "k1", day(29)));
    let forced = Revoke { force: Force::Yes, ..revocation_at(1, "k1", day(13)) };
    strict.must(Command::Revoke(forced));
    // An emergency waits for nobody (HA-21).
    assert_eq!(strict.must(from(day(13), "compromise")), [Warning::InvalidityUnknown]);
}

#[test]
fn an_anchor_that_is_left_without_a_believed_key_is_named() {
    let mut world = world();
    assert_eq!(world.must(from(day(20), "superseded")), []);
    let warnings = world.must(revoke("k2", "compromise"));
    let last = |anchor| Warning::LastKey(anchor_id(anchor));
    assert_eq!(warnings, [last(1), last(2), Warning::InvalidityUnknown]);
    // A retired key is believed for its past alone: it is nobody's last key.
    let mut world = self::world();
    world.must(crate::world::retire("k1"));
    assert_eq!(world.must(revoke_at(1, "k2", day(25))), [last(1)]);
}

#[test]
fn an_end_before_the_addition_makes_an_empty_window_and_says_so() {
    let mut world = world();
    let warnings = world.must(revoke_at(1, "k1", day(0)));
    let short = Warning::TransitionShort { days: 0 };
    assert_eq!(warnings, [short, Warning::EmptyWindow(anchor_id(1))]);
    assert!(world.window("k1", 1).is_empty());
    let warnings = world.must(from(day(-1), "compromise"));
    assert_eq!(warnings, [Warning::EmptyWindow(anchor_id(2)), Warning::InvalidityUnknown]);
}

#[test]
fn what_is_not_there_is_not_revoked() {
    let mut world = world();
    assert_eq!(world.refused(revoke("k9", "superseded")), Refusal::NoSuchKey(id("k9")));
    let nowhere = Refusal::NoSuchAnchor(anchor_id(9));
    assert_eq!(world.refused(revoke_at(9, "k1", day(20))), nowhere);
    world.must(generate("k3"));
    let (key_id, anchor_id) = (id("k3"), anchor_id(1));
    let stranger = Refusal::NotMember { key_id, anchor_id };
    assert_eq!(world.refused(revoke_at(1, "k3", day(20))), stranger);
}

#[test]
fn what_is_revoked_can_be_destroyed_and_stays_revoked() {
    let mut world = world();
    world.must(revoke("k1", "superseded"));
    world.must(destroy("k1"));
    world.must(revoke("k1", "compromise"));
    assert_eq!(world.key("k1").status(world.now()), Status::Compromised);
    assert_eq!(world.state.counts().keys_revoked, 1);
}
