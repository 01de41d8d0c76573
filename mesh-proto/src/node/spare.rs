//! Room that is kept to be used again, and given back once little is needed.

/// Notices that room was far larger than what was needed, so often in a row that it is to be given back.
#[derive(Debug, Default)]
pub(super) struct Spare(u8);

/// So often.
const IN_A_ROW: u8 = 16;
/// By so much.
const FAR: usize = 8;

impl Spare {
    /// There is room for so many, and so many were needed. Whether it is to be given back.
    pub(super) const fn is_too_much(&mut self, room: usize, needed: usize) -> bool {
        if room <= needed.saturating_mul(FAR) {
            self.0 = 0;
            return false;
        }
        self.0 += 1;
        if self.0 == IN_A_ROW {
            self.0 = 0;
            return true;
        }
        false
    }
}
