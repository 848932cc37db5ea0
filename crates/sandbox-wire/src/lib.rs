//! How the server and the program in its sandbox hand each other values.
//!
//! Not as JSON text: numbers would come out of it other than they went in, and reading it would cost several times as much.
//!
//! | what | bytes |
//! |---|---|
//! | a number, a length | little-endian, 4 bytes for a `u32`, 8 for others |
//! | a text | its length, its bytes in UTF-8 |
//! | a value | its [`Tag`], then the number, the text, the items behind their count, or the properties (a text and a value each) behind theirs |
//! | a request | the [`Limits`], the program, its variables' names behind their count; to evaluate it, also their values in that order, and the input |
//! | a response | [`VALUE`] and, if a program was evaluated, the value; or [`ERROR`], the offset or [`NOWHERE`], and the message |

/// Begins the response of a program that did what it should.
pub const VALUE: u8 = 0;

/// Begins the response of a program that did not.
pub const ERROR: u8 = 1;

/// The offset of an error that is at no place in particular.
pub const NOWHERE: u32 = u32::MAX;

/// How large a value may be that a program gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In bytes.
    pub bytes: u32,
    /// In levels.
    pub depth: u32,
}

/// What kind of value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// `null`
    Null,
    /// `false`
    False,
    /// `true`
    True,
    /// A whole number that an `i64` holds.
    Signed,
    /// A whole number that a `u64` holds and an `i64` does not.
    Unsigned,
    /// Any other number.
    Float,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Tag {
    const ALL: [Self; 9] = [
        Self::Null,
        Self::False,
        Self::True,
        Self::Signed,
        Self::Unsigned,
        Self::Float,
        Self::Text,
        Self::Array,
        Self::Object,
    ];
}

/// The bytes are not what the other side would have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Writes a request or a response.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes one byte.
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Writes the kind of a value.
    pub fn tag(&mut self, tag: Tag) {
        self.byte(tag as u8);
    }

    /// Writes a number of 4 bytes.
    pub fn short(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes a number of 8 bytes.
    pub fn long(&mut self, bytes: [u8; 8]) {
        self.0.extend_from_slice(&bytes);
    }

    /// Writes a length or a count. What is longer than it can say is cut off by the reader, who finds the rest malformed.
    pub fn count(&mut self, count: usize) {
        self.short(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Writes a text.
    pub fn text(&mut self, text: &[u8]) {
        self.count(text.len());
        self.0.extend_from_slice(text);
    }

    /// Writes limits.
    pub fn limits(&mut self, limits: Limits) {
        self.short(limits.bytes);
        self.short(limits.depth);
    }
}

/// Reads a request or a response from its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// A reader of these bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// Reads the kind of a value.
    pub fn tag(&mut self) -> Result<Tag, Malformed> {
        let number = usize::from(self.byte()?);
        Tag::ALL.get(number).copied().ok_or(Malformed)
    }

    /// Reads a number of 4 bytes.
    pub fn short(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_le_bytes)
    }

    /// Reads a number of 8 bytes.
    pub fn long(&mut self) -> Result<[u8; 8], Malformed> {
        self.take()
    }

    /// Reads the count of things that have at least one byte each.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.short()?).map_err(|_| Malformed)?;
        if count > self.0.len() { Err(Malformed) } else { Ok(count) }
    }

    /// Reads a text.
    pub fn text(&mut self) -> Result<&'b str, Malformed> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        str::from_utf8(text).map_err(|_| Malformed)
    }

    /// Reads limits.
    pub fn limits(&mut self) -> Result<Limits, Malformed> {
        Ok(Limits { bytes: self.short()?, depth: self.short()? })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_what_was_written() {
        let limits = Limits { bytes: 5, depth: 7 };
        let mut writer = Writer::default();
        writer.limits(limits);
        for tag in Tag::ALL {
            writer.tag(tag);
        }
        writer.text("é".as_bytes());
        writer.long(1.5_f64.to_le_bytes());
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.limits(), Ok(limits));
        for tag in Tag::ALL {
            assert_eq!(reader.tag(), Ok(tag));
        }
        assert_eq!(reader.text(), Ok("é"));
        assert_eq!(reader.long().map(f64::from_le_bytes), Ok(1.5));
        assert_eq!(reader.byte(), Err(Malformed));
    }

    #[test]
    fn should_refuse_what_nobody_writes() {
        assert_eq!(Reader::new(&[9]).tag(), Err(Malformed));
        assert_eq!(Reader::new(&[1, 0, 0, 0, 0xff]).text(), Err(Malformed));
        assert_eq!(Reader::new(&[0xff; 4]).count(), Err(Malformed));
        assert_eq!(Reader::new(&[0; 7]).long(), Err(Malformed));
    }
}
