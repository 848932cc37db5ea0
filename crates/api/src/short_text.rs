//! Texts of a few characters that answers have many of, written where they are needed and not on the heap.

/// A text of at most so many bytes, and zeros behind it. What has no room any more is left out.
pub(crate) struct ShortText<const MOST: usize> {
    bytes: [u8; MOST],
    length: usize,
}

impl<const MOST: usize> ShortText<MOST> {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; MOST], length: 0 }
    }

    pub(crate) fn as_str(&self) -> &str {
        // All of it, and cut then: the standard library looks at ASCII two words at a time, as long as there are two.
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends a text, if all of it fits.
    pub(crate) fn push(&mut self, text: &str) {
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(text.as_bytes());
            self.length = end;
        }
    }

    /// Appends the last so many digits of a number.
    pub(crate) fn push_digits(&mut self, mut number: u32, digits: usize) {
        let end = self.length + digits;
        let Some(room) = self.bytes.get_mut(self.length..end) else { return };
        for place in room.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_leave_out_what_has_no_room() {
        let mut text = ShortText::<8>::new();
        assert!(text.is_empty());
        for part in ["é", "123", "4567", "89"] {
            text.push(part);
        }
        text.push_digits(12, 2);
        text.push_digits(12, 1);
        assert_eq!(text.as_str(), "é123892");
    }
}
