//! One value for each group, which another may replace.
//!
//! A newcomer's trap: a slot without bytes has no value. A nil has a byte.

#[derive(Default)]
pub(super) struct Slots {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    from: u32,
    len: u32,
    /// So many bytes are its own.
    room: u32,
}

impl Slots {
    pub(super) fn begin_group(&mut self) {
        self.slots.push(Slot::default());
    }

    #[inline]
    pub(super) fn get(&self, group: usize) -> Option<&[u8]> {
        let Slot { from, len, .. } = self.slots[group];
        (len > 0).then(|| &self.bytes[from as usize..(from + len) as usize])
    }

    #[inline]
    pub(super) fn set(&mut self, group: usize, value: &[u8]) {
        if self.slots.len() == 1 {
            self.bytes.clear();
            self.slots[0] = Slot::default();
        }
        let slot = &mut self.slots[group];
        let len = u32::try_from(value.len()).expect("a row is far below 4 GiB");
        if len > slot.room {
            // A value that has been replaced by a larger one will be so again.
            slot.room = if slot.room == 0 { len } else { 2 * len };
            let from = self.bytes.len();
            slot.from = u32::try_from(from).expect("groups are put out far below 4 GiB");
            self.bytes.resize(from + slot.room as usize, 0);
        }
        slot.len = len;
        self.bytes[slot.from as usize..][..value.len()].copy_from_slice(value);
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&self.slots[..])
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
    }
}
