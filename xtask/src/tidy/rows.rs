//! Who may depend on whom: a crate uses rows below its own, never a neighbour.

use std::collections::BTreeSet;

const ROWS: &[&[&str]] = &[
    &["cliproxy-core"],
    &[
        "cliproxy-config",
        "cliproxy-access",
        "cliproxy-auth-store",
        "cliproxy-quota",
        "cliproxy-usage",
        "cliproxy-translator",
        "cliproxy-transport",
        "cliproxy-relay",
        TESTKIT,
    ],
    &["cliproxy-conductor", "cliproxy-bridge", "cliproxy-executors", "cliproxy-login"],
    &["cliproxy-http", "cliproxy-management", "cliproxy-watcher"],
    &["cliproxy-sdk"],
    &[
        "cliproxy-server",
        "cliproxy-examples",
        "cliproxy-tests",
        "cliproxy-clients",
        "cliproxy-benches",
        "xtask",
    ],
];

const TESTKIT: &str = "cliproxy-testkit";

/// Members that exist for tests and demonstrations: the testkit is their ordinary dependency.
const MAY_USE_TESTKIT: &[&str] =
    &["cliproxy-examples", "cliproxy-tests", "cliproxy-clients", "cliproxy-benches"];

/// What core promises not to bring to those who only want its vocabulary.
const TOO_HEAVY_FOR_CORE: &[&str] = &["tokio", "hyper"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The member itself.
    Member,
    /// A normal or build dependency.
    Normal,
    Dev,
}

#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) kind: Kind,
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

pub(crate) fn misplaced(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(misplaced_edge).collect()
}

fn misplaced_edge(Edge { from, to, kind }: &Edge) -> Option<String> {
    match kind {
        Kind::Member => row(from).is_none().then(|| format!("{from}: has no row in xtask/src/tidy/rows.rs")),
        Kind::Dev => None,
        Kind::Normal if to == TESTKIT => (!MAY_USE_TESTKIT.contains(&from.as_str()))
            .then(|| format!("{from}: {TESTKIT} may only be a dev-dependency")),
        Kind::Normal => {
            let (own, other) = (row(from)?, row(to)?);
            (other >= own).then(|| format!("{from} (row {own}): must not depend on {to} (row {other})"))
        }
    }
}

/// Walks the normal dependencies of core.
pub(crate) fn heavy_core(edges: &[(String, String)]) -> Vec<String> {
    let mut reached = BTreeSet::from(["cliproxy-core"]);
    let mut pending = vec!["cliproxy-core"];
    while let Some(current) = pending.pop() {
        for (_, to) in edges.iter().filter(|(from, _)| from == current) {
            if reached.insert(to) {
                pending.push(to);
            }
        }
    }
    TOO_HEAVY_FOR_CORE
        .iter()
        .filter(|name| reached.contains(*name))
        .map(|name| format!("cliproxy-core: its normal dependencies reach {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(from: &str, to: &str, kind: Kind) -> bool {
        !misplaced(&[Edge { from: from.into(), to: to.into(), kind }]).is_empty()
    }

    #[test]
    fn a_crate_uses_only_rows_below_its_own() {
        let table = [
            ("cliproxy-conductor", "cliproxy-core", Kind::Normal, false),
            ("cliproxy-conductor", "cliproxy-quota", Kind::Normal, false),
            ("cliproxy-conductor", "cliproxy-bridge", Kind::Normal, true),
            ("cliproxy-core", "cliproxy-config", Kind::Normal, true),
            ("cliproxy-http", "cliproxy-executors", Kind::Dev, false),
            ("cliproxy-quota", "cliproxy-testkit", Kind::Dev, false),
            ("cliproxy-http", "cliproxy-testkit", Kind::Normal, true),
            ("cliproxy-tests", "cliproxy-testkit", Kind::Normal, false),
            ("cliproxy-testkit", "cliproxy-core", Kind::Normal, false),
            ("cliproxy-testkit", "cliproxy-transport", Kind::Normal, true),
            ("cliproxy-new", "cliproxy-new", Kind::Member, true),
            ("xtask", "xtask", Kind::Member, false),
        ];
        for (from, to, kind, expected) in table {
            assert_eq!(found(from, to, kind), expected, "{from} -> {to} {kind:?}");
        }
    }

    #[test]
    fn core_must_not_reach_the_runtime_through_others() {
        let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let light = [edge("cliproxy-core", "http"), edge("cliproxy-http", "tokio"), edge("http", "bytes")];
        assert!(heavy_core(&light).is_empty());
        let heavy = [edge("cliproxy-core", "a"), edge("a", "b"), edge("b", "a"), edge("b", "tokio")];
        assert_eq!(heavy_core(&heavy), ["cliproxy-core: its normal dependencies reach tokio"]);
    }
}
