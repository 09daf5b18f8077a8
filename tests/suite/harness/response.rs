//! An HTTP answer, parsed without forgiving anything.

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Heads of `1xx` answers before it, each as its status line.
    pub interim: Vec<String>,
    /// `HTTP/1.1`, as sent.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// Names and values in the order and case in which they were sent.
    pub headers: Vec<(String, String)>,
    /// Everything behind the head.
    pub body: Vec<u8>,
}

impl Response {
    /// Parse everything that came; `None` when there is no whole head.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut interim = Vec::new();
        let mut rest = bytes;
        loop {
            let end = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
            let head = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 4..];
            let mut lines = head.split("\r\n");
            let status_line = lines.next()?;
            let mut words = status_line.splitn(3, ' ');
            let version = words.next()?.to_owned();
            let status: u16 = words.next()?.parse().ok()?;
            let reason = words.next().unwrap_or_default().to_owned();
            if (100..200).contains(&status) {
                interim.push(status_line.to_owned());
                continue;
            }
            let headers = lines
                .map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    Some((name.to_owned(), value.to_owned()))
                })
                .collect::<Option<Vec<_>>>()?;
            return Some(Self {
                interim,
                version,
                status,
                reason,
                headers,
                body: rest.to_vec(),
            });
        }
    }

    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether as many bytes came as `Content-Length` promised (or, without one, the last chunk).
    pub fn is_complete(&self) -> bool {
        match self.header("Content-Length").map(str::parse::<usize>) {
            Some(Ok(length)) => self.body.len() == length,
            Some(Err(_)) => false,
            None => self.body.ends_with(b"0\r\n\r\n"),
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_without_its_end_is_no_answer() {
        assert_eq!(Response::parse(b"HTTP/1.1 200 OK\r\nA: b\r\n"), None);
        assert_eq!(Response::parse(b""), None);
    }

    #[test]
    fn an_interim_answer_is_kept_apart() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
        let response = Response::parse(bytes).unwrap();
        assert_eq!(response.interim, ["HTTP/1.1 100 Continue"]);
        assert!(response.is_complete());
        assert!(
            !Response::parse(&bytes[..bytes.len() - 1])
                .unwrap()
                .is_complete()
        );
    }
}
