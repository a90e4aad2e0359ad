//! Lists of many groups in one vector.
//!
//! A newcomer's trap: the values of a group are not neighbours; each knows the place of the next.

/// No place.
const NONE: u32 = u32::MAX;

pub(super) struct Chains<T> {
    groups: Vec<Ends>,
    /// Values, each with the place of the next of its group.
    values: Vec<(T, u32)>,
}

#[derive(Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
    count: u32,
}

impl<T> Default for Chains<T> {
    fn default() -> Chains<T> {
        Chains { groups: Vec::new(), values: Vec::new() }
    }
}

impl<T: Copy> Chains<T> {
    pub(super) fn begin_group(&mut self) {
        self.groups.push(Ends { first: NONE, last: NONE, count: 0 });
    }

    /// Appends a value to a group; how many it has now.
    #[inline]
    pub(super) fn push(&mut self, group: usize, value: T) -> u32 {
        let place = u32::try_from(self.values.len()).expect("groups are put out far below 2^32");
        self.values.push((value, NONE));
        let ends = &mut self.groups[group];
        match ends.last {
            NONE => ends.first = place,
            last => self.values[last as usize].1 = place,
        }
        ends.last = place;
        ends.count += 1;
        ends.count
    }

    pub(super) fn count(&self, group: usize) -> u32 {
        self.groups[group].count
    }

    /// The values of a group in the order in which they came.
    pub(super) fn of(&self, group: usize) -> impl Iterator<Item = T> {
        let mut next = self.groups[group].first;
        std::iter::from_fn(move || {
            let (value, behind) = *self.values.get(next as usize)?;
            next = behind;
            Some(value)
        })
    }

    /// The values of a group, to be changed.
    pub(super) fn find(
        &mut self,
        group: usize,
        mut is_it: impl FnMut(&T) -> bool,
    ) -> Option<&mut T> {
        let mut next = self.groups[group].first;
        while next != NONE {
            let (value, behind) = self.values[next as usize];
            if is_it(&value) {
                return Some(&mut self.values[next as usize].0);
            }
            next = behind;
        }
        None
    }

    /// Forgets the values of a group, whose places are lost until all groups are forgotten.
    pub(super) fn clear_group(&mut self, group: usize) {
        self.groups[group] = Ends { first: NONE, last: NONE, count: 0 };
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.groups[..]) + size_of_val(&self.values[..])
    }

    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.values.clear();
    }
}
