//! The configuration's profiles into the log.

use keyward::{ExecuteError, Keyward};
use keyward_lifecycle::{
    command::Command,
    id::{ActorId, ProfileName},
    profile::StoreAddress,
};

use super::Config;

/// What became of a configuration's profiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "what is reported at start")]
pub struct Applied {
    /// Profiles that were defined, or defined anew.
    pub defined: Vec<ProfileName>,
    /// Profiles whose key store is not built into this program: they refuse by name, and the
    /// others work.
    pub unavailable: Vec<(ProfileName, StoreAddress)>,
}

/// Defines the profiles that the log does not have as the configuration does, all or none.
///
/// # Errors
/// [`ExecuteError`]; then nothing was defined.
pub fn apply_profiles(
    keyward: &Keyward,
    actor: &ActorId,
    config: &Config,
) -> Result<Applied, ExecuteError> {
    let state = keyward.state();
    let profiles = config.profiles();
    let reached = |store| keyward.store_available(store);
    let unavailable = profiles.iter().filter(|profile| !reached(&profile.key_store));
    let unavailable =
        unavailable.map(|profile| (profile.name.clone(), profile.key_store.clone())).collect();
    let differs = |profile: &_| {
        let keyward_lifecycle::profile::Profile { name, .. } = profile;
        state.profile(name) != Some(profile)
    };
    let changed: Vec<_> = profiles.into_iter().filter(differs).collect();
    let defined = changed.iter().map(|profile| profile.name.clone()).collect();
    if !changed.is_empty() {
        let commands = changed.into_iter().map(Command::DefineProfile).collect();
        let _ = keyward.execute_all(actor, commands)?;
    }
    Ok(Applied { defined, unavailable })
}
