//! The repository knows no machine and no network: it builds wherever it is put.

use super::Finding;
use super::tree::{File, Tree};

// Written in two halves, so that this file passes its own rule.
const FOLDERS: &[&str] = &[concat!("/roo", "t/"), concat!("/wor", "k/")];
const HOMES: &[&str] = &[concat!("/hom", "e/"), concat!("/tm", "p/")];
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("deb.debian", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("registry.npmjs", ".org"),
];

/// No file names a place on somebody's machine.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    each_line(
        tree,
        machine_path,
        "a path of one machine",
        "write it relative to the workspace or to a variable",
    )
}

/// No file says where packages come from; that is the machine's configuration.
pub(super) fn registry_hosts(tree: &Tree) -> Vec<Finding> {
    let host = |line: &str| REGISTRIES.iter().copied().find(|host| line.contains(host));
    each_line(
        tree,
        host,
        "the host of a package registry",
        "name the package, and leave its source to the machine",
    )
}

fn machine_path(line: &str) -> Option<&'static str> {
    let folder = FOLDERS.iter().copied().find(|folder| line.contains(folder));
    folder.or_else(|| HOMES.iter().copied().find(|home| names_a_place_in(line, home)))
}

/// Whether a name follows `home`; a bare one in prose (or before a placeholder) is no place.
fn names_a_place_in(line: &str, home: &str) -> bool {
    line.split(home).skip(1).any(|after| after.starts_with(|c: char| c.is_ascii_lowercase()))
}

fn each_line(
    tree: &Tree,
    place: impl Fn(&str) -> Option<&'static str>,
    what: &str,
    to_do: &str,
) -> Vec<Finding> {
    let of_file = |file: &File| -> Vec<Finding> {
        (1..)
            .zip(file.text.lines())
            .filter_map(|(line, text)| {
                let place = place(text)?;
                Some(Finding::new(&file.path, line, format!("{what}: `{place}`"), to_do))
            })
            .collect()
    };
    tree.files.iter().flat_map(of_file).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::{machine_paths, registry_hosts};

    #[test]
    fn a_path_of_one_machine_is_found_in_any_text() {
        let text = format!("a\nsee /{}/x and {}\n", "work", "/var/lib/keyward");
        let found = machine_paths(&Tree::of("docs/a.md", &text));
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2]);
        let text = format!("/{}/ and /{}/NAME\n", "tmp", "home");
        assert_eq!(machine_paths(&Tree::of("docs/a.md", &text)), []);
        let text = format!("/{}/store\n", "tmp");
        assert_eq!(machine_paths(&Tree::of("docs/a.md", &text)).len(), 1);
    }

    #[test]
    fn the_host_of_a_registry_is_found() {
        let text = format!("https://{}.org/simple\n", "pypi");
        assert_eq!(registry_hosts(&Tree::of("docs/a.md", &text)).len(), 1);
        assert_eq!(registry_hosts(&Tree::of("docs/a.md", "https://example.com\n")), []);
    }
}
