//! Locked memory and passwords.

use std::{
    env, fs,
    ops::Range,
    process::{Command, Output},
};

use keyward_crypto::secret::{
    Backing, LockFailed, LockPolicy, LockedBytes, Password, PasswordRefused, harden_process,
};

/// Set in the child processes of these tests; says what the child is to do.
const CHILD: &str = "KEYWARD_TEST_MEMORY_CHILD";

/// Runs this same test again in a process of its own, which `setup` starts, with `task` set.
fn child(setup: &[&str], test: &str, task: &str) -> Output {
    let this = env::current_exe().unwrap();
    let mut words = setup.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    words.push(this.to_str().unwrap().to_owned());
    Command::new(&words[0])
        .args(&words[1..])
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, task)
        .output()
        .unwrap()
}

fn task() -> Option<String> {
    env::vars().find_map(|(name, value)| (name == CHILD).then_some(value))
}

/// `VmFlags` of the mapping that holds `address`.
fn flags(address: usize) -> String {
    let mut inside = false;
    for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
        if let Some((start, end)) =
            line.split_once(' ').and_then(|(range, _)| range.split_once('-'))
            && let (Ok(start), Ok(end)) =
                (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16))
        {
            inside = (start..end).contains(&address);
        }
        if inside && line.starts_with("VmFlags") {
            return format!("{line} ");
        }
    }
    String::new()
}

#[test]
fn locked_bytes_are_locked_not_dumped_and_not_inherited() {
    let mut locked = LockedBytes::new(32, LockPolicy::Strict).unwrap();
    assert_eq!(locked.expose(), [0; 32]);
    locked.expose_mut().copy_from_slice(&[0xaa; 32]);
    assert_eq!(locked.expose(), [0xaa; 32]);
    let flags = flags(locked.expose().as_ptr().addr());
    let not_inherited = match locked.backing() {
        Backing::MemfdSecret => " dc ",
        Backing::Locked => " wf ",
        Backing::Unlocked => panic!("a strict policy gave unlocked memory"),
    };
    for flag in [" lo ", " dd ", not_inherited] {
        assert!(flags.contains(flag), "{flag} is not among {flags}");
    }
    assert_eq!(format!("{locked:?}"), "LockedBytes(..)");
}

/// The mappings of this process, in the order of their addresses: where each lies, and what may be
/// done with it.
fn mappings() -> Vec<(Range<usize>, String)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let read = |line: &str| {
        let mut words = line.split(' ');
        let (start, end) = words.next()?.split_once('-')?;
        let hex = |text| usize::from_str_radix(text, 16).ok();
        Some((hex(start)?..hex(end)?, words.next()?.to_owned()))
    };
    maps.lines().map(|line| read(line).unwrap()).collect()
}

#[test]
fn locked_bytes_lie_between_two_pages_that_nobody_may_touch() {
    // RK-004
    for length in [1, 32, 4096, 65_536] {
        let locked = LockedBytes::new(length, LockPolicy::Strict).unwrap();
        let first = locked.expose().as_ptr().addr();
        let last = first + length - 1;
        let mappings = mappings();
        let at = |address| mappings.iter().find(|(range, _)| range.contains(&address)).unwrap();
        let (body, access) = at(first);
        assert!(access.starts_with("rw-"), "{access}");
        assert_eq!(body.end, last + 1, "a step too far leaves it");
        assert_eq!(body.len(), length.next_multiple_of(4096), "no page of it is anybody else's");
        for guard in [body.start - 1, body.end] {
            assert_eq!(at(guard).1, "---p", "of {length} bytes");
        }
    }
}

#[test]
fn a_secret_is_wiped_where_it_came_from() {
    let mut secret = [7; 48];
    let locked = LockedBytes::take(&mut secret, LockPolicy::AllowUnlocked).unwrap();
    assert_eq!(locked.expose(), [7; 48]);
    assert_eq!(secret, [0; 48]);
}

#[test]
fn lengths_outside_the_limits_are_refused() {
    for length in [0, 65_537] {
        let refused = LockedBytes::new(length, LockPolicy::Strict).unwrap_err();
        assert!(matches!(refused, LockFailed::Length(found) if found == length), "{refused}");
    }
}

/// Without privilege and with a limit of zero, nothing can be locked: a strict policy refuses
/// and names the remedy, the other one says what it gave.
#[test]
fn a_refusal_to_lock_names_the_limit_to_raise() {
    const TEST: &str = "memory::a_refusal_to_lock_names_the_limit_to_raise";
    if task().is_some() {
        let refused = LockedBytes::new(32, LockPolicy::Strict).unwrap_err();
        assert!(matches!(refused, LockFailed::Limit { bytes: 4096, .. }));
        let text = refused.to_string();
        for remedy in ["RLIMIT_MEMLOCK", "LimitMEMLOCK=", "CAP_IPC_LOCK"] {
            assert!(text.contains(remedy), "{text}");
        }
        let unlocked = LockedBytes::new(32, LockPolicy::AllowUnlocked).unwrap();
        assert_eq!(unlocked.backing(), Backing::Unlocked);
        return;
    }
    let limit = ["prlimit", "--memlock=0:0"];
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    let setup = if root { [&limit[..], &nobody[..]].concat() } else { limit.to_vec() };
    let output = child(&setup, TEST, "lock");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

/// `PR_SET_DUMPABLE` and `RLIMIT_CORE` hold for the whole process, so that a child tries them.
#[test]
fn a_hardened_process_dumps_no_core_and_hides_its_memory() {
    const TEST: &str = "memory::a_hardened_process_dumps_no_core_and_hides_its_memory";
    if task().is_some() {
        harden_process().unwrap();
        let limits = fs::read_to_string("/proc/thread-self/limits").unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let words: Vec<_> = core.split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"]);
        let filter = fs::read_to_string("/proc/self/coredump_filter").unwrap();
        assert_eq!(u64::from_str_radix(filter.trim(), 16), Ok(0));
        // Files of a process that is not dumpable belong to root, which the owner shows.
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(fs::metadata("/proc/self/mem").unwrap().uid(), 0);
        return;
    }
    let output = child(&["env"], TEST, "harden");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn a_password_is_neither_empty_nor_endless_and_prints_nothing() {
    assert_eq!(Password::new(Vec::new()).unwrap_err(), PasswordRefused::Empty);
    assert_eq!(Password::new(vec![b'x'; 4097]).unwrap_err(), PasswordRefused::TooLong);
    let password = Password::new(b"secret".to_vec()).unwrap();
    assert_eq!(format!("{password:?}"), "Password(..)");
    assert!(password.is_same_as(&Password::new(b"secret".to_vec()).unwrap()));
    assert!(!password.is_same_as(&Password::new(b"secrets".to_vec()).unwrap()));
}
