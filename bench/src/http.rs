//! A program that serves, started for a measurement and stopped after it.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Failure;

/// A server at work; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server(Child);

/// How often, and how long between, a server that was just started is asked whether it answers.
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(25);

impl Server {
    /// Starts it, with its output in a file of `directory`.
    pub(crate) fn start(command: &mut Command, directory: &Path) -> Result<Self, Failure> {
        let log = std::fs::File::create(directory.join("server.log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self(child))
    }

    /// Waits until `is_up` says yes.
    pub(crate) fn wait(&mut self, mut is_up: impl FnMut() -> bool) -> Result<(), Failure> {
        for _ in 0..TRIES {
            if is_up() {
                return Ok(());
            }
            if let Some(status) = self.0.try_wait()? {
                return Err(Failure::new(format!("the server ended with {status}")));
            }
            std::thread::sleep(PAUSE);
        }
        Err(Failure::new("the server does not answer"))
    }

    pub(crate) fn id(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to stop first, so that a store is closed as it should be.
        let asked = Command::new("kill").arg(self.id()).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.0.kill());
        }
        drop(self.0.wait());
    }
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A program named by a variable of the environment, or else beside this one.
pub(crate) fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join(name));
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.or_else(beside).filter(|path| path.is_file())
}
