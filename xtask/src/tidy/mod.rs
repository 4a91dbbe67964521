//! Reads the workspace once and asks each check what it finds.
//!
//! Each check is a pure function from facts to findings, so that its tests need no workspace.

mod links;
mod manifests;
mod rows;
mod texts;

use std::error::Error;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand};

use self::rows::{Edge, Kind};

/// All findings, one line each, in a stable order; empty when the tree is tidy.
pub(crate) fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let metadata = MetadataCommand::new().features(CargoOpt::AllFeatures).exec()?;
    let root = metadata.workspace_root.as_std_path();

    let mut findings = rows::misplaced(&member_edges(&metadata));
    findings.extend(rows::heavy_core(&normal_edges(&metadata)?));
    findings.extend(manifests::bare_workspace_lines(&std::fs::read_to_string(root.join("Cargo.toml"))?));
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        let shown = manifest.strip_prefix(root).unwrap_or(manifest).display().to_string();
        findings.extend(manifests::own_versions(&shown, &std::fs::read_to_string(manifest)?));
        let has_readme = manifest.with_file_name("README.md").is_file();
        findings.extend(manifests::missing_readme(package.name.as_str(), has_readme));
    }
    // A file that is tracked but gone, or that is not text, has nothing to read.
    let texts: Vec<(String, String)> = tracked_files(root)?
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(root.join(&path)).ok()?;
            Some((path, text))
        })
        .collect();
    let mut tree = links::Tree::default();
    for (path, text) in &texts {
        tree.add(path, text);
    }
    for (path, text) in &texts {
        findings.extend(texts::too_long(path, text));
        findings.extend(texts::machine_paths(path, text));
        findings.extend(links::broken(path, text, &tree));
    }
    findings.sort();
    Ok(findings)
}

/// What each member asks for in its manifest; the rows are about our own crates only.
fn member_edges(metadata: &Metadata) -> Vec<Edge> {
    let members = metadata.workspace_packages();
    let ours = |name: &str| members.iter().any(|member| member.name.as_str() == name);
    let edges = members.iter().flat_map(|member| {
        member.dependencies.iter().filter(|dependency| ours(&dependency.name)).map(|dependency| Edge {
            from: member.name.to_string(),
            to: dependency.name.clone(),
            kind: if dependency.kind == DependencyKind::Development { Kind::Dev } else { Kind::Normal },
        })
    });
    // An edge from a member to itself names the member, so that one without dependencies needs a row too.
    let selves = members.iter().map(|member| Edge {
        from: member.name.to_string(),
        to: member.name.to_string(),
        kind: Kind::Member,
    });
    edges.chain(selves).collect()
}

/// The resolved graph of normal dependencies, by package name.
fn normal_edges(metadata: &Metadata) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let resolve = metadata.resolve.as_ref().ok_or("cargo metadata gave no resolved graph")?;
    let name_of = |id| {
        metadata.packages.iter().find(|package| &package.id == id).map(|package| package.name.to_string())
    };
    let mut edges = Vec::new();
    for node in &resolve.nodes {
        for dependency in &node.deps {
            if !dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal) {
                continue;
            }
            if let (Some(from), Some(to)) = (name_of(&node.id), name_of(&dependency.pkg)) {
                edges.push((from, to));
            }
        }
    }
    Ok(edges)
}

fn tracked_files(root: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let listing = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output()?;
    if !listing.status.success() {
        return Err(String::from_utf8_lossy(&listing.stderr).into());
    }
    let names = String::from_utf8(listing.stdout)?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
