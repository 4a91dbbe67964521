//! `anyOf` and `oneOf`: the branch that says most stands for all. Source: translation.md B48, E589, E590.

use super::Cleaning;
use super::keyword::null_branch;
use super::node::Node;

/// How much a branch says: objects most, null nothing.
fn worth(node: &Node<'_>) -> u8 {
    match node.kind.as_deref() {
        Some("object") => 3,
        _ if node.has_properties() => 3,
        Some("array") => 2,
        _ if node.items.is_some() => 2,
        Some("null") => 0,
        _ => 1,
    }
}

/// Folds the branches into the schema that they belong to.
pub(super) fn fold<'a>(node: &mut Node<'a>, branches: Vec<Node<'a>>, cleaning: Cleaning) {
    let mut kinds: Vec<String> = Vec::new();
    for branch in &branches {
        if branch.is("null") {
            null_branch(node, cleaning);
        } else if let Some(kind) = kind(branch)
            && !kinds.iter().any(|known| known == kind)
        {
            kinds.push(kind.to_owned());
        }
    }
    let Some(best) = best(branches) else { return };
    if kinds.len() > 1 {
        node.hint(format!("Accepts: {}", kinds.join(" | ")));
    }
    // Branches beside properties mostly say which of them go together: no single one of them must be obeyed.
    let alone = !node.has_properties();
    node.absorb(best, alone);
}

fn kind<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match node.kind.as_deref() {
        None if node.has_properties() => Some("object"),
        None if node.items.is_some() => Some("array"),
        kind => kind,
    }
}

/// The one of several schemas that says most; the first of equals.
pub(super) fn best(branches: Vec<Node<'_>>) -> Option<Node<'_>> {
    let mut best: Option<Node<'_>> = None;
    for branch in branches {
        if best.as_ref().is_none_or(|best| worth(&branch) > worth(best)) {
            best = Some(branch);
        }
    }
    best
}
