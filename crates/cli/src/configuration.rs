//! The configuration file: read when a command names it or the data directory holds it, and
//! brought into force when the root key is at hand.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward::{ExecuteError, Keyward};
use keyward_lifecycle::profile::Profile;
use keyward_server::{
    config::{Applied, CONFIG_BYTES_MAX, Config, apply_profiles},
    keepers::Keepers,
};
use keyward_storage::durable::read_limited;

use crate::{args::Global, exit::Failure};

/// The file in the data directory that is read when none is named.
const FILE_NAME: &str = "config.yaml";

/// The configuration file, if there is one.
pub(crate) fn file(global: &Global, data: &Path) -> Option<PathBuf> {
    let own = data.join(FILE_NAME);
    global.config.clone().or_else(|| own.is_file().then_some(own))
}

/// Reads a configuration file.
pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
    let limit = u64::try_from(CONFIG_BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = read_limited(path, limit).map_err(|e| Failure::of(&e))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::error(format!("{} is not text in UTF-8", path.display())))?;
    Config::read(&text).map_err(|e| Failure::error(format!("{}: {e}", path.display())))
}

/// The built-in profiles, with those of the configuration in place of their namesakes.
pub(crate) fn profiles(config: Option<&Config>) -> Vec<Profile> {
    let mut profiles = Profile::built_in().to_vec();
    for profile in config.into_iter().flat_map(Config::profiles) {
        match profiles.iter_mut().find(|known| known.name == profile.name) {
            Some(known) => *known = profile,
            None => profiles.push(profile),
        }
    }
    profiles
}

/// Whether a store already does what the configuration says.
pub(crate) fn is_in_force(keyward: &Keyward, config: &Config) -> bool {
    let state = keyward.state();
    config.profiles().iter().all(|profile| state.profile(&profile.name) == Some(profile))
}

/// Brings a configuration into force, in the name of the user who runs this process.
pub(crate) fn apply(keyward: &Keyward, config: &Config) -> Result<Applied, ExecuteError> {
    let user = format!("local:{}", rustix::process::getuid().as_raw());
    apply_profiles(keyward, &keyward.actor(&user)?, config)
}

/// The way to the keepers, if the configuration names any. Nobody is asked yet.
pub(crate) fn keepers(
    keyward: &Arc<Keyward>,
    config: &Config,
) -> Result<Option<Arc<Keepers>>, Failure> {
    let Some(keepers) = config.root_key.keepers.clone() else { return Ok(None) };
    let Some(identity) = config.identity.clone() else {
        return Err(Failure::error("keepers speak only with who has an identity")
            .hint("give the configuration a section `identity`; see docs/operate/keeper.md"));
    };
    let keepers = Keepers::new(Arc::clone(keyward), identity, keepers);
    Ok(Some(Arc::new(keepers.map_err(|e| Failure::of(&e))?)))
}

/// What is said of profiles whose key store this program lacks.
pub(crate) fn unavailable(applied: &Applied) -> Vec<String> {
    let lines = applied.unavailable.iter().map(|(profile, store)| {
        format!(
            "warning: profile `{profile}` refuses to sign: its key store `{store}` is not built \
             into this program"
        )
    });
    lines.collect()
}
