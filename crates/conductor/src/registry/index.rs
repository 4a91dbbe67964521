//! From a model's name to the tiers of credentials that offer it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use cliproxy_core::{ModelId, ModelInfo};
use parking_lot::Mutex;

use crate::pool::Tier;

/// One tier that offers a model, and where in its offer the model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) tier: usize,
    pub(crate) model: usize,
}

/// The tiers of one priority.
#[derive(Debug)]
pub(crate) struct RouteGroup {
    pub(crate) routes: Vec<Route>,
    /// What each route has earned, for turns among several of them.
    pub(crate) credits: Mutex<Vec<i64>>,
}

/// Everything that offers one model, highest priority first.
#[derive(Debug)]
pub(crate) struct ModelRoutes {
    pub(crate) id: ModelId,
    pub(crate) info: Arc<ModelInfo>,
    pub(crate) groups: Vec<RouteGroup>,
    /// Where the pool of upstream models stands (Source: runtime.md D.12).
    pub(crate) upstream_cursor: AtomicUsize,
}

impl ModelRoutes {
    pub(crate) fn routes(&self) -> impl Iterator<Item = Route> + '_ {
        self.groups.iter().flat_map(|group| group.routes.iter().copied())
    }
}

/// All offered models.
#[derive(Debug, Default)]
pub(crate) struct Index {
    exact: HashMap<ModelId, Arc<ModelRoutes>>,
    /// Lower-cased names of those that are not lower case already.
    folded: HashMap<String, ModelId>,
}

impl Index {
    pub(crate) fn new(tiers: &[Arc<Tier>]) -> Self {
        let mut by_model: BTreeMap<ModelId, Vec<Route>> = BTreeMap::new();
        for (tier, offered) in tiers.iter().enumerate() {
            for (model, offered) in offered.offer.models.iter().enumerate() {
                by_model.entry(offered.id.clone()).or_default().push(Route { tier, model });
            }
        }
        let mut index = Self::default();
        for (id, routes) in by_model {
            if let Some(model) = ModelRoutes::new(id.clone(), routes, tiers) {
                index.folded.entry(id.as_str().to_lowercase()).or_insert_with(|| id.clone());
                index.exact.insert(id, Arc::new(model));
            }
        }
        index
    }

    /// By its exact name, else without regard to case. Source: runtime.md E.2.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<ModelRoutes>> {
        self.exact.get(name).or_else(|| self.exact.get(self.folded.get(&name.to_lowercase())?))
    }

    pub(crate) fn models(&self) -> impl Iterator<Item = &Arc<ModelRoutes>> {
        self.exact.values()
    }
}

impl ModelRoutes {
    fn new(id: ModelId, mut routes: Vec<Route>, tiers: &[Arc<Tier>]) -> Option<Self> {
        // Within a priority: the provider with more credentials first, then by name, then by first id.
        // Source: runtime.md E.2 "sorted by client count descending, then name".
        let mut count: HashMap<&str, usize> = HashMap::new();
        for route in &routes {
            if let Some(tier) = tiers.get(route.tier) {
                *count.entry(tier.provider.as_str()).or_default() += tier.entries.len();
            }
        }
        routes.sort_by_cached_key(|route| {
            let tier = tiers.get(route.tier);
            let provider = tier.map(|tier| tier.provider.clone());
            let many = provider.as_ref().and_then(|provider| count.get(provider.as_str()).copied());
            let first = tier.and_then(|tier| tier.entries.first()).map(|entry| entry.id().clone());
            let priority = tier.map(|tier| tier.priority);
            (std::cmp::Reverse((priority, many)), provider, first)
        });
        let first = routes.first()?;
        let info = Arc::clone(&tiers.get(first.tier)?.offer.models.get(first.model)?.info);
        let mut groups: Vec<RouteGroup> = Vec::new();
        let mut last = None;
        for route in routes {
            let priority = tiers.get(route.tier).map(|tier| tier.priority);
            match groups.last_mut().filter(|_| priority == last) {
                Some(group) => {
                    group.routes.push(route);
                    group.credits.get_mut().push(0);
                }
                None => groups.push(RouteGroup { routes: vec![route], credits: Mutex::new(vec![0]) }),
            }
            last = priority;
        }
        Some(Self { id, info, groups, upstream_cursor: AtomicUsize::new(0) })
    }
}
