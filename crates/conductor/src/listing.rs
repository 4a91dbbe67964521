//! The models that clients may ask for. Source: runtime.md E.3, http-api.md A.2 "Visibility rules".

use std::collections::BTreeMap;
use std::sync::Arc;

use cliproxy_core::{ListedModel, ModelId, ModelInfo};

use crate::inner::Inner;
use crate::pool::Snapshot;
use crate::registry::ModelRoutes;

impl Inner {
    /// Sorted by id. A model whose credentials are all refused or switched off vanishes; one that only cools
    /// stays.
    pub(crate) fn listing(&self) -> Vec<ListedModel> {
        let settled = self.settled.load();
        let snapshot = self.snapshot();
        let visible = |model: &ModelRoutes| self.any(&snapshot, model, |state| !state.is_hard_blocked());
        let mut listed: BTreeMap<ModelId, ListedModel> = snapshot
            .index
            .models()
            .filter(|model| visible(model))
            .map(|model| (model.id.clone(), Self::listed(&snapshot, model)))
            .collect();
        // Aliases with a full name are names like any other; what a credential offers wins.
        for alias in settled.options.model_aliases.iter().filter(|alias| !alias.name.contains('*')) {
            let id = ModelId::new(alias.name.trim());
            if listed.contains_key(&id) {
                continue;
            }
            let Ok(resolution) = self.resolve(&settled, &snapshot, id.as_str()) else { continue };
            if visible(&resolution.model) {
                let mut model = Self::listed(&snapshot, &resolution.model);
                let mut info = ModelInfo::clone(&model.info);
                info.id = id.clone();
                model.info = Arc::new(info);
                listed.insert(id, model);
            }
        }
        listed.into_values().collect()
    }

    pub(crate) fn listed(snapshot: &Snapshot, model: &ModelRoutes) -> ListedModel {
        let mut providers: Vec<String> = model
            .routes()
            .filter_map(|route| snapshot.tiers.get(route.tier))
            .map(|tier| tier.provider.as_str().to_owned())
            .collect();
        providers.sort_unstable();
        providers.dedup();
        ListedModel::new(Arc::clone(&model.info), providers)
    }
}
