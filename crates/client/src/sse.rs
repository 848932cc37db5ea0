//! Server-sent events, as the WHATWG HTML standard reads them (section 9.2.6).

use std::time::Duration;

/// The most that one event may have, in bytes. Nothing that the API sends comes near it.
const EVENT_LIMIT: usize = 4 << 20;

/// An event, as the lines of a stream tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) data: String,
}

/// An event is larger than any of the API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Puts a stream's bytes together to events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    after_return: bool,
    has_begun: bool,
    message: Message,
    /// The id of the event that is being read, and of those that follow without one.
    id: Option<String>,
    bytes: usize,
    /// The id of the latest whole event: what the server is to go on after.
    pub(crate) last_event_id: Option<String>,
    /// How long the server wants clients to wait before they come again.
    pub(crate) retry: Option<Duration>,
}

impl Reader {
    /// A stream that goes on after the event with this id.
    pub(crate) fn after(last_event_id: Option<String>) -> Self {
        Self { id: last_event_id.clone(), last_event_id, ..Self::default() }
    }

    /// Another stream begins: half an event that was read comes again.
    pub(crate) fn begin_again(&mut self) {
        let retry = self.retry;
        *self = Self { retry, ..Self::after(self.last_event_id.take()) };
    }

    /// Reads bytes up to the end of an event. Answers it, with the id that holds since, and what is left of the bytes.
    pub(crate) fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<(Option<Message>, &'a [u8]), TooLarge> {
        for (place, byte) in bytes.iter().enumerate() {
            let follows_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if follows_return => {}
                b'\n' | b'\r' => {
                    if let Some(message) = self.end_line() {
                        return Ok((Some(message), &bytes[place + 1..]));
                    }
                }
                byte => {
                    self.bytes += 1;
                    if self.bytes > EVENT_LIMIT {
                        return Err(TooLarge);
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok((None, &[]))
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let mark = if self.has_begun { None } else { line.strip_prefix('\u{feff}') };
        self.has_begun = true;
        let line = mark.unwrap_or(&line);
        if line.is_empty() {
            self.bytes = 0;
            self.last_event_id.clone_from(&self.id);
            let mut message = std::mem::take(&mut self.message);
            // One line break ends the last line of the data.
            return message.data.pop().map(|_| message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.event),
            "data" => self.message.data.extend([value, "\n"]),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All events of a text, each with the id that holds since, read in pieces of this size.
    fn events(text: &str, piece: usize) -> Vec<(String, String, Option<String>)> {
        let (mut reader, mut events) = (Reader::default(), Vec::new());
        for mut rest in text.as_bytes().chunks(piece) {
            while !rest.is_empty() {
                let (message, left) = reader.read(rest).expect("small events");
                rest = left;
                events.extend(
                    message.map(|message| (message.event, message.data, reader.last_event_id.clone())),
                );
            }
        }
        events
    }

    #[test]
    fn should_read_events_however_they_arrive() {
        let check = |text: &str, expected: &[(&str, &str, Option<&str>)]| {
            for piece in 1..=text.len() {
                let heard = events(text, piece);
                let heard: Vec<_> =
                    heard.iter().map(|(event, data, id)| (&**event, &**data, id.as_deref())).collect();
                assert_eq!(heard, expected, "{text:?} in pieces of {piece}");
            }
        };
        check("id: 1\nevent: task\ndata: {}\n\n", &[("task", "{}", Some("1"))]);
        check(
            "id: 1\r\ndata: a\r\ndata: b\r\n\r\ndata:c\r\r",
            &[("", "a\nb", Some("1")), ("", "c", Some("1"))],
        );
        check(
            "\u{feff}data: é\n\n: a comment\n\nevent: none\n\nid\ndata\n\n",
            &[("", "é", None), ("", "", Some(""))],
        );
        check("retry: 10\n\nid: a\0b\nother: x\ndata:  two\n\ndata: unfinished\n", &[("", " two", None)]);
    }

    #[test]
    fn should_mind_how_long_to_wait() {
        let mut reader = Reader::default();
        reader.read(b"retry: 250\nretry: soon\n").expect("small");
        assert_eq!(reader.retry, Some(Duration::from_millis(250)));
    }

    #[test]
    fn should_go_on_after_what_was_heard_to_its_end() {
        let mut reader = Reader::default();
        let (first, rest) = reader.read(b"id: 1\ndata: a\n\nid: 2\ndata: b\n").expect("small");
        assert!(first.is_some());
        assert_eq!(reader.read(rest), Ok((None, &[][..])));
        assert_eq!(reader.last_event_id.as_deref(), Some("1"));
    }

    #[test]
    fn should_not_take_in_what_has_no_end() {
        let mut reader = Reader::default();
        let line = [b"data: ", &*vec![b'x'; 1 << 20], b"\n"].concat();
        let read: Result<Vec<_>, _> = (0..5).map(|_| reader.read(&line)).collect();
        assert_eq!(read, Err(TooLarge));
    }
}
