//! Arguments that tools have for their provider's sake. Source: translation.md B49, F41.

/// Arguments that a tool has only because its provider refuses tools without any (B49). The client never declared them
/// and must not see them (F41).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invented {
    /// The tool's name on the wire.
    pub tool: String,
    /// Where they are.
    pub places: Places,
}

/// Places in arguments. What leads to many of them is kept once: a schema may have a million of them below a long name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// This is one of them.
    here: bool,
    /// Those in members, by name.
    members: Vec<(String, Self)>,
    /// Those in every item.
    items: Option<Box<Self>>,
}

impl Places {
    pub(crate) fn here() -> Self {
        Self { here: true, ..Self::default() }
    }

    /// Those in members of different names and in every item.
    pub(crate) fn below(mut members: Vec<(String, Self)>, items: Option<Self>) -> Self {
        members.shrink_to_fit();
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self { here: false, members, items: items.filter(|items| !items.is_empty()).map(Box::new) }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.here
    }

    pub(crate) fn in_member(&self, name: &str) -> Option<&Self> {
        let place = self.find(name).ok()?;
        self.members.get(place).map(|(_, below)| below)
    }

    pub(crate) fn in_items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    fn add(&mut self, mut steps: std::vec::IntoIter<Step>) {
        match steps.next() {
            None => self.here = true,
            Some(Step::Items) => self.items.get_or_insert_default().add(steps),
            Some(Step::Member(name)) => {
                let place = self.find(&name).unwrap_or_else(|place| {
                    self.members.insert(place, (name, Self::default()));
                    place
                });
                if let Some((_, below)) = self.members.get_mut(place) {
                    below.add(steps);
                }
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.here && self.members.is_empty() && self.items.is_none()
    }

    /// About how many bytes it takes to keep them.
    pub(crate) fn bytes(&self) -> usize {
        let members =
            self.members.iter().map(|(name, places)| size_of::<String>() + name.len() + places.bytes());
        size_of::<Self>() + members.sum::<usize>() + self.items.as_ref().map_or(0, |items| items.bytes())
    }
}

impl FromIterator<Vec<Step>> for Places {
    /// By the steps that lead to them.
    fn from_iter<I: IntoIterator<Item = Vec<Step>>>(all: I) -> Self {
        let mut places = Self::default();
        all.into_iter().for_each(|steps| places.add(steps.into_iter()));
        places
    }
}

/// A step into arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The member of this name.
    Member(String),
    /// Every item.
    Items,
}
