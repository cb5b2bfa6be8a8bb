//! One command at work: its surroundings, its way to the API, and how it prints.

use std::{
    cell::Cell,
    fmt::Display,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use keyward::{ExecuteError, Keyward};
use keyward_crypto::secret::Password;
use keyward_server::{
    config::{Certificates, Config},
    root::KeeperPost,
};
use keyward_storage::durable::Mode;
use serde_json::{Value, json};

use crate::{
    args::{Global, Output},
    configuration,
    exit::Failure,
    output::Destination,
    password,
    render::{self, Document},
    site,
    store::{Store, Taken},
    surroundings::Surroundings,
    transport::{self, Body, Choice, Method, Problem, Request, Response, Transport},
};

/// Most pages of one list that are fetched: more than any store of the design's size has.
const PAGES_MAX: usize = 100_000;

/// One command at work.
pub(crate) struct Session<'s> {
    pub(crate) surroundings: &'s mut Surroundings,
    pub(crate) global: Global,
    // Dropped before the transport, which gives the store's lock back.
    waiting: Option<Waiting>,
    transport: Option<Box<dyn Transport>>,
    quarantine: Rc<Cell<Quarantine>>,
}

/// What is known of the store's log being older than what was seen of it, and said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Quarantine {
    #[default]
    Unseen,
    Seen,
    Said,
}

impl Quarantine {
    fn seen_in(self, response: &Response) -> Self {
        match self {
            Self::Unseen if !response.quarantined => Self::Unseen,
            // The failure says it.
            Self::Unseen if Problem::of(response).is_quarantine() => Self::Said,
            Self::Unseen => Self::Seen,
            Self::Seen | Self::Said => self,
        }
    }
}

impl<'s> Session<'s> {
    pub(crate) fn new(surroundings: &'s mut Surroundings, global: Global) -> Self {
        Self { surroundings, global, waiting: None, transport: None, quarantine: Rc::default() }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.global.data.clone().unwrap_or_else(|| self.surroundings.data.clone())
    }

    /// Whether data is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.global.output == Output::Json
    }

    /// Asks the API; an answer that is no success is a failure.
    pub(crate) fn send(&mut self, request: &Request) -> Result<Vec<u8>, Failure> {
        let response = self.try_once(request)?;
        if is_success(&response) {
            return Ok(response.body);
        }
        let problem = Problem::of(&response);
        if !problem.is_sealed() {
            return Err(problem.into());
        }
        if !self.transport()?.takes_passwords() {
            return Err(Failure::from(problem).hint("unseal it with `keyward root unseal`"));
        }
        self.unseal()?;
        let response = self.try_once(request)?;
        if is_success(&response) { Ok(response.body) } else { Err(Problem::of(&response).into()) }
    }

    /// Sends a request that needs no password, and gives what waits for its document: several
    /// may be under way at once.
    pub(crate) fn begin(
        &mut self,
        request: &Request,
    ) -> Result<impl FnOnce() -> Result<Document, Failure> + use<>, Failure> {
        let underway = self.transport()?.begin(request)?;
        let quarantine = Rc::clone(&self.quarantine);
        Ok(move || {
            let response = underway()?;
            quarantine.set(quarantine.get().seen_in(&response));
            if !is_success(&response) {
                return Err(Problem::of(&response).into());
            }
            Document::parse(&response.body)
        })
    }

    /// Unseals whatever answers, with the password.
    pub(crate) fn unseal(&mut self) -> Result<Document, Failure> {
        let password = password::obtain(&self.global, self.surroundings)?;
        self.unseal_with(&password)
    }

    /// Unseals whatever answers, with this password.
    pub(crate) fn unseal_with(&mut self, password: &Password) -> Result<Document, Failure> {
        let body = Body::Secret(password::to_json(password)?);
        let path = "/root-key/unseal".to_owned();
        let request = Request { method: Method::Post, path, query: Vec::new(), body };
        let response = self.try_once(&request)?;
        if !is_success(&response) {
            return Err(Problem::of(&response).into());
        }
        self.bring_into_force()?;
        Document::parse(&response.body)
    }

    /// Whether this very process has the store open.
    pub(crate) fn is_embedded(&mut self) -> Result<bool, Failure> {
        Ok(self.transport()?.takes_passwords())
    }

    /// Unseals a store that this process has open, if the password is at hand, so that the log
    /// is signed up to its end. Whoever ends a key or shows the log is not asked for it.
    pub(crate) fn unseal_if_given(&mut self) -> Result<(), Failure> {
        if !self.is_embedded()? || !password::is_given(&self.global) {
            return Ok(());
        }
        match self.unseal() {
            Ok(_) => Ok(()),
            Err(failure) => {
                let text = failure.to_string();
                let text = text.strip_prefix("error: ").unwrap_or(&text);
                self.note(format_args!("warning: the store stays sealed: {text}"))
            }
        }
    }

    /// Asks for a document.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Document, Failure> {
        let document = Document::parse(&self.send(request)?)?;
        for warning in document.texts("warnings") {
            self.note(format_args!("warning: {warning}"))?;
        }
        Ok(document)
    }

    /// Asks for a whole list, page by page, up to `limit`; `member` holds it, `next` is where
    /// the next page begins, to be given as `cursor`.
    pub(crate) fn list(
        &mut self,
        request: impl Fn() -> Request,
        (member, cursor): (&'static str, &'static str),
        limit: Option<usize>,
    ) -> Result<Document, Failure> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut all: Vec<Value> = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.ask(&request().with(cursor, next.take()))?;
            next = page.cursor();
            all.extend(page.into_list(member));
            if next.is_none() || all.len() >= limit {
                break;
            }
        }
        all.truncate(limit);
        Ok(Document::from(json!({ member: all })))
    }

    /// Prints a document: as it is for programs, as `text` says for people.
    pub(crate) fn emit(
        &mut self,
        document: &Document,
        text: impl FnOnce(&Document) -> String,
    ) -> Result<(), Failure> {
        let printed = if self.is_json() { document.to_json() } else { text(document) };
        self.print(&printed)
    }

    /// Prints data as it is.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints data as it is.
    pub(crate) fn print_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.surroundings.stdout.write_all(bytes)?;
        Ok(self.surroundings.stdout.flush()?)
    }

    /// Prints a line beside the data.
    pub(crate) fn note(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.surroundings.stderr, "{text}")?)
    }

    /// Where `--out` puts something; asked before anything is made that cannot be put there.
    pub(crate) fn destination(&self, out: Option<&Path>) -> Result<Destination, Failure> {
        out.map_or(Ok(Destination::Print), |out| Destination::of(out, &self.data()))
    }

    /// Prints data, or writes it to a file that others may read.
    pub(crate) fn deliver(&mut self, bytes: &[u8], out: &Destination) -> Result<(), Failure> {
        match out {
            Destination::Print => self.print_bytes(bytes),
            Destination::File(_) | Destination::Stream(_) => out.write(bytes, Mode::Public),
        }
    }

    /// How signs are shown.
    pub(crate) fn signs(&self) -> render::Signs {
        if self.surroundings.terminal.shows_signs() {
            render::Signs::Unicode
        } else {
            render::Signs::Ascii
        }
    }

    fn try_once(&mut self, request: &Request) -> Result<Response, Failure> {
        let response = self.transport()?.call(request)?;
        self.quarantine.set(self.quarantine.get().seen_in(&response));
        self.warn()?;
        Ok(response)
    }

    /// Whoever ends a quarantine is not told to.
    pub(crate) fn expect_quarantine(&self) {
        self.quarantine.set(Quarantine::Said);
    }

    /// Says once that the store is quarantined, if an answer has shown it.
    pub(crate) fn warn(&mut self) -> Result<(), Failure> {
        if self.quarantine.get() != Quarantine::Seen {
            return Ok(());
        }
        self.quarantine.set(Quarantine::Said);
        self.note(
            "warning: the store is quarantined: its log is older than what was seen of it before, \
             and what was revoked since stands in it as good\n\
             hint: restore the newer copy, or accept the loss with `keyward rollback accept`",
        )
    }

    fn transport(&mut self) -> Result<&mut Box<dyn Transport>, Failure> {
        let chosen = match self.transport.take() {
            Some(transport) => transport,
            None => self.choose()?,
        };
        Ok(self.transport.insert(chosen))
    }

    fn choose(&mut self) -> Result<Box<dyn Transport>, Failure> {
        let data = self.data();
        let choice = || Choice {
            addr: self.global.addr.as_deref(),
            ca: self.global.ca.clone(),
            token_file: self.global.token_file.clone(),
            data: data.clone(),
        };
        if let Some(server) = transport::server(choice())? {
            return Ok(server);
        }
        let pause = &mut *self.surroundings.pause;
        let taken = Taken::for_command(&data, pause, &|| transport::is_served(&data))?;
        let Some(taken) = taken else {
            // A server has come up while this command waited for another one.
            let gone = || Failure::error("the server that had the directory is gone: try again");
            return transport::server(choice())?.ok_or_else(gone);
        };
        let store =
            Store::open(&data, taken, self.surroundings.clock.clone(), self.global.memory())?;
        let mut root = site::care(&data, None);
        let mut certificates = Certificates::default();
        if let Some(file) = configuration::file(&self.global, &data) {
            let config = configuration::read(&file)?;
            root = site::care(&data, Some(&config));
            certificates.clone_from(&config.certificates);
            root.keepers = configuration::keepers(&store.keyward, &config)?
                .map(|keepers| keepers as Arc<dyn KeeperPost>);
            if !configuration::is_in_force(&store.keyward, &config) {
                self.waiting = Some(Waiting { keyward: store.keyward.clone(), config, file });
            }
        }
        let embedded = transport::embedded(store, root, certificates)?;
        self.transport = Some(embedded);
        self.bring_into_force()?;
        self.transport.take().ok_or_else(|| Failure::error("there is no way to the store"))
    }

    /// Brings the configuration into force, if it is not. Reading never asks for a password: if
    /// none is at hand, the configuration waits.
    pub(crate) fn bring_into_force(&mut self) -> Result<(), Failure> {
        let Some(Waiting { keyward, config, file }) = self.waiting.take() else { return Ok(()) };
        match configuration::apply(&keyward, &config) {
            Ok(applied) => {
                for line in configuration::unavailable(&applied) {
                    self.note(line)?;
                }
                Ok(())
            }
            Err(ExecuteError::Sealed) if password::is_given(&self.global) => {
                self.waiting = Some(Waiting { keyward, config, file });
                self.unseal().map(drop)
            }
            Err(ExecuteError::Sealed) => {
                let name = file.display().to_string();
                self.waiting = Some(Waiting { keyward, config, file });
                self.note(format_args!(
                    "warning: the profiles of {name} are not in force yet, since the store is \
                     sealed\nhint: `keyward root unseal` brings them into force"
                ))
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

/// A configuration that is not in force yet.
struct Waiting {
    keyward: Arc<Keyward>,
    config: Config,
    file: PathBuf,
}

const fn is_success(response: &Response) -> bool {
    200 <= response.status && response.status < 300
}
