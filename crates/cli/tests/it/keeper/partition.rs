//! A keeper in a network of its own, whose only way out is cut. Where networks cannot be made, a
//! keeper that stands still takes its place.

use super::{
    ring::{NAMES, Ring},
    *,
};

const IP: [&str; 3] = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"];

/// A network with one way in, gone when dropped.
struct Network {
    ip: &'static str,
    name: String,
    near: String,
    /// Where the near and the far end are.
    addresses: [String; 2],
}

impl Network {
    /// One, if this process may make any.
    fn new() -> Option<Self> {
        let ip = IP.into_iter().find(|path| Path::new(path).exists())?;
        let id = std::process::id();
        let (name, near) = (format!("keyward{id}"), format!("kw{id}"));
        let (high, low) = (id / 250 % 250, id % 250);
        let addresses = [1, 2].map(|end| format!("10.{high}.{low}.{end}"));
        let network = Self { ip, name, near, addresses };
        let Self { name, near, addresses: [here, there], .. } = &network;
        let far = "far";
        let done = network.does(&["netns", "add", name])
            && network.does(&["link", "add", near, "type", "veth", "peer", far, "netns", name])
            && network.does(&["address", "add", &format!("{here}/30"), "dev", near])
            && network.does(&["link", "set", near, "up"])
            && network.does(&["-n", name, "address", "add", &format!("{there}/30"), "dev", far])
            && network.does(&["-n", name, "link", "set", far, "up"]);
        done.then_some(network)
    }

    fn does(&self, words: &[&str]) -> bool {
        let done = Command::new(self.ip).args(words).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    }

    /// What runs words inside.
    fn inside(&self) -> Command {
        let mut command = Command::new(self.ip);
        command.args(["netns", "exec", &self.name, env!("CARGO_BIN_EXE_keyward")]);
        command
    }

    fn far(&self) -> &str {
        &self.addresses[1]
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.does(&["link", "delete", &self.near]);
        self.does(&["netns", "delete", &self.name]);
    }
}

#[test]
fn a_keeper_that_is_cut_off_is_missed_and_comes_back_with_its_share() {
    // RK-050
    let mut ring = Ring::new();
    let network = Network::new();
    if let Some(network) = &network {
        let config = ring.house.path().join(format!("{}.yaml", NAMES[0])).display().to_string();
        let listen = format!("{}:0", network.far());
        let keeper = Process::run(&ring.house, network.inside(), (&config, &listen));
        let address = keeper.address.clone();
        ring.keepers[0] = Some(keeper);
        ring.place(0, &address);
    }
    let cut = |ring: &Ring, apart: bool| match &network {
        Some(network) => {
            let state = if apart { "down" } else { "up" };
            assert!(network.does(&["link", "set", &network.near, state]), "{state}");
        }
        None => ring.signal(0, if apart { Signal::STOP } else { Signal::CONT }),
    };
    let server = ring.serve_with(&["--password-file", "password"]);
    server.must("/v1/root-key/keepers", &serde_json::json!({}));
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    cut(&ring, true);
    server.finds(&[("k1", "unreachable"), ("k2", "sound"), ("k3", "sound")]);
    server.kill();
    let server = ring.serve();
    server.unseals_itself();
    server.kill();
    // With another one gone there are too few, until the way is open again.
    ring.kill(1);
    let server = ring.serve();
    server.process.says("1 of 2 keepers gave a sound share");
    cut(&ring, false);
    server.unseals_itself();
    assert_eq!(ring.epochs(0), [1]);
}
