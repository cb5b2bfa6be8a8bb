//! Memory that is never written to disk: pages of `memfd_secret(2)` where the kernel has it,
//! else locked pages, between two guard pages, left out of core dumps, not inherited by a
//! fork, and wiped before they are given back.
#![expect(unsafe_code, reason = "the operating system offers locked memory through pointers only")]

use core::{fmt, ptr, slice};
use std::io;

use zeroize::Zeroize;

/// Most bytes in one piece: keys, not documents. `RLIMIT_MEMLOCK` is 8 MiB by default.
pub const LOCKED_BYTES_MAX: usize = 64 * 1024;

/// What to do where the operating system refuses to lock memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there are two answers")]
pub enum LockPolicy {
    /// Refuse to hold the secret.
    #[default]
    Strict,
    /// Hold it in ordinary memory, and say so by [`Backing::Unlocked`].
    AllowUnlocked,
}

/// What holds the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer shows every case")]
pub enum Backing {
    /// `memfd_secret(2)`: not mapped by the kernel, unreadable even through `/proc/PID/mem`.
    MemfdSecret,
    /// `mlock(2)`: never swapped out.
    Locked,
    /// Ordinary memory, which may be swapped out; only under [`LockPolicy::AllowUnlocked`].
    Unlocked,
}

impl Backing {
    /// The word that status output shows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemfdSecret => "memfd_secret",
            Self::Locked => "mlock",
            Self::Unlocked => "unlocked",
        }
    }
}

/// Why no locked memory was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockFailed {
    /// The operating system refuses to lock this much.
    #[error(
        "{bytes} bytes of memory cannot be locked ({cause}): raise RLIMIT_MEMLOCK \
         (LimitMEMLOCK= in the service file, `ulimit -l` in a shell) or grant CAP_IPC_LOCK"
    )]
    Limit {
        /// Bytes of the pages that were to be locked.
        bytes: usize,
        /// What the operating system said.
        cause: io::Error,
    },
    /// There is no address space or no memory.
    #[error("no memory for a secret: {0}")]
    NoMemory(io::Error),
    /// Zero bytes, or more than [`LOCKED_BYTES_MAX`].
    #[error("a secret of {0} bytes is not held in locked memory: 1 to 65536 bytes are")]
    Length(usize),
}

/// Secret bytes in locked memory. Not printed, not copied, not compared; wiped when dropped.
pub struct LockedBytes {
    pages: Pages,
    length: usize,
    backing: Backing,
}

impl LockedBytes {
    /// `length` zero bytes in locked memory.
    ///
    /// # Errors
    /// [`LockFailed`]; under [`LockPolicy::Strict`] a refusal to lock is one.
    pub fn new(length: usize, policy: LockPolicy) -> Result<Self, LockFailed> {
        if length == 0 || length > LOCKED_BYTES_MAX {
            return Err(LockFailed::Length(length));
        }
        let pages = Pages::reserve(length)?;
        let backing = match pages.back_with_secret_memory() {
            Ok(()) => Backing::MemfdSecret,
            // Not in this kernel, or the limit forbids it: `mlock` decides.
            Err(_) => pages.back_with_locked_memory(policy)?,
        };
        Ok(Self { pages, length, backing })
    }

    /// Moves `secret` into locked memory, and wipes it where it was.
    ///
    /// # Errors
    /// As [`Self::new`]; `secret` is wiped all the same.
    pub fn take(secret: &mut [u8], policy: LockPolicy) -> Result<Self, LockFailed> {
        let locked = Self::new(secret.len(), policy).map(|mut locked| {
            locked.expose_mut().copy_from_slice(secret);
            locked
        });
        secret.zeroize();
        locked
    }

    /// What holds the bytes.
    #[must_use]
    pub const fn backing(&self) -> Backing {
        self.backing
    }

    /// The secret bytes.
    #[must_use]
    pub const fn expose(&self) -> &[u8] {
        // SAFETY: `start` points to `length` initialised bytes (zeroed by the kernel when they
        // were mapped) inside the readable body of `pages`, which lives as long as `self`; no
        // exclusive reference exists while `self` is borrowed.
        unsafe { slice::from_raw_parts(self.pages.start(self.length), self.length) }
    }

    /// The secret bytes, to fill them in place.
    #[must_use]
    pub const fn expose_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `expose`; the body is writable, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.pages.start(self.length), self.length) }
    }
}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedBytes(..)")
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        self.expose_mut().zeroize();
    }
}

/// A guard page, a body of whole pages, a guard page.
struct Pages {
    base: *mut u8,
    page: usize,
    body: usize,
}

// SAFETY: the mapping belongs to this value alone, is not tied to the thread that made it, and
// is unmapped once, on drop. Access goes through the borrow rules of `LockedBytes`.
unsafe impl Send for Pages {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Pages {}

impl Pages {
    /// Reserves address space for `length` bytes and two guard pages, all inaccessible.
    fn reserve(length: usize) -> Result<Self, LockFailed> {
        // SAFETY: sysconf reads a constant of the system and touches no memory of ours.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(|_| LockFailed::NoMemory(last_error()))?;
        let body = length.next_multiple_of(page.max(1));
        let whole = body.saturating_add(page.saturating_mul(2));
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping at an address that the kernel chooses; it overlaps
        // nothing.
        let base = unsafe { libc::mmap(ptr::null_mut(), whole, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(LockFailed::NoMemory(last_error()));
        }
        Ok(Self { base: base.cast(), page, body })
    }

    /// Backs the body with pages of `memfd_secret(2)`, which are locked by themselves.
    fn back_with_secret_memory(&self) -> io::Result<()> {
        let size = libc::off_t::try_from(self.body).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the system call takes flags only and returns a descriptor or -1.
        let made = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
        let descriptor = libc::c_int::try_from(made).unwrap_or(-1);
        if descriptor < 0 {
            return Err(last_error());
        }
        // SAFETY: `descriptor` is open and ours; ftruncate touches no memory.
        let sized = unsafe { libc::ftruncate(descriptor, size) } == 0;
        let mapped =
            if sized { self.map_body(libc::MAP_SHARED, descriptor) } else { Err(last_error()) };
        // SAFETY: `descriptor` is open, ours, and not used again; the mapping outlives it.
        unsafe { libc::close(descriptor) };
        mapped?;
        // A shared mapping cannot be wiped in a child, so the child does not get it at all.
        self.advise(libc::MADV_DONTFORK)?;
        self.advise(libc::MADV_DONTDUMP)
    }

    /// Backs the body with anonymous pages and locks them.
    fn back_with_locked_memory(&self, policy: LockPolicy) -> Result<Backing, LockFailed> {
        self.map_body(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1).map_err(LockFailed::NoMemory)?;
        self.advise(libc::MADV_WIPEONFORK).map_err(LockFailed::NoMemory)?;
        self.advise(libc::MADV_DONTDUMP).map_err(LockFailed::NoMemory)?;
        // SAFETY: the body is mapped and ours; mlock changes no byte of it.
        if unsafe { libc::mlock(self.body_start().cast(), self.body) } == 0 {
            return Ok(Backing::Locked);
        }
        let cause = last_error();
        match policy {
            LockPolicy::Strict => Err(LockFailed::Limit { bytes: self.body, cause }),
            LockPolicy::AllowUnlocked => Ok(Backing::Unlocked),
        }
    }

    /// Maps the body anew, readable and writable, over what was reserved for it.
    fn map_body(&self, flags: libc::c_int, descriptor: libc::c_int) -> io::Result<()> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = flags | libc::MAP_FIXED;
        let start = self.body_start().cast();
        // SAFETY: MAP_FIXED replaces the body alone, which lies inside our own reservation and
        // to which no reference exists yet.
        let mapped = unsafe { libc::mmap(start, self.body, access, flags, descriptor, 0) };
        if mapped == libc::MAP_FAILED { Err(last_error()) } else { Ok(()) }
    }

    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the body is mapped and ours; these pieces of advice change none of its bytes
        // in this process.
        let answer = unsafe { libc::madvise(self.body_start().cast(), self.body, advice) };
        if answer == 0 { Ok(()) } else { Err(last_error()) }
    }

    const fn body_start(&self) -> *mut u8 {
        // SAFETY: the reservation is `page + body + page` bytes long, so that this is inside.
        unsafe { self.base.add(self.page) }
    }

    /// Where `length` bytes start so that they end at the upper guard page: one byte too far
    /// is a fault at once.
    const fn start(&self, length: usize) -> *mut u8 {
        // SAFETY: `length` is at most `body`, since `body` was rounded up from it.
        unsafe { self.body_start().add(self.body.saturating_sub(length)) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let whole = self.body.saturating_add(self.page.saturating_mul(2));
        // SAFETY: exactly the range that `reserve` mapped; nothing refers to it any more.
        unsafe { libc::munmap(self.base.cast(), whole) };
    }
}

/// A measure of [`harden_process`] that the operating system refused.
#[derive(Debug, thiserror::Error)]
#[error("{measure} was refused by the operating system: {cause}")]
pub struct HardeningFailed {
    measure: &'static str,
    cause: io::Error,
}

/// Forbids core files (`RLIMIT_CORE` 0), leaves all memory out of those that root makes all the
/// same (`coredump_filter` 0, see core(5)), and forbids tracing by other processes of the same
/// user (`PR_SET_DUMPABLE` 0). To be called first thing in `main`.
///
/// # Errors
/// [`HardeningFailed`] names the measure.
pub fn harden_process() -> Result<(), HardeningFailed> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: setrlimit reads the structure that is passed, which lives for the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } != 0 {
        return Err(HardeningFailed { measure: "RLIMIT_CORE = 0", cause: last_error() });
    }
    // Before the next measure, which takes the files below /proc/self away from their owner.
    dump_nothing().map_err(|cause| HardeningFailed { measure: "coredump_filter = 0", cause })?;
    // SAFETY: prctl with PR_SET_DUMPABLE takes a number and touches no memory of ours.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(HardeningFailed { measure: "PR_SET_DUMPABLE = 0", cause: last_error() });
    }
    Ok(())
}

/// Writes 0 to this process's `coredump_filter` (core(5)): no mapping is dumped.
fn dump_nothing() -> io::Result<()> {
    let flags = libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: the path is a constant that ends in NUL.
    let file = unsafe { libc::open(c"/proc/self/coredump_filter".as_ptr(), flags) };
    if file < 0 {
        return Err(last_error());
    }
    // SAFETY: one byte is read from a constant of one byte, and `file` was just opened.
    let written = unsafe { libc::write(file, b"0".as_ptr().cast(), 1) };
    let outcome = if written == 1 { Ok(()) } else { Err(last_error()) };
    // SAFETY: `file` was opened above and is used by nobody else.
    unsafe { libc::close(file) };
    outcome
}

fn last_error() -> io::Error {
    io::Error::last_os_error()
}
