//! How a request ended, and the status that follows from it.

use crate::tables::TOO_MANY_OPEN_FILES;
use crate::timeline::event::Unanswered;

/// Who ended a request, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// The site answered, with this status, and the answer went out whole.
    Answered(u16),
    /// The site's answer broke off after its head, with this status, had gone out.
    AnswerBroken(u16),
    /// The site's answer went over into what is no HTTP (chunks without a size) after its head, with
    /// this status, had gone out.
    AnswerGarbled(u16),
    /// The connection was handed over to another protocol (status 101) and has ended.
    Tunnelled,
    /// The client left before it had its answer.
    ClientLeft,
    /// The site's container took no connection.
    Refused,
    /// The site took the request and reset or closed the connection without an answer.
    NoAnswer,
    /// The site answered what is no HTTP.
    BadAnswer,
    /// The site gave no answer within the front end's limit.
    LimitReached,
    /// The request waited for a start that failed, or that did not end in time.
    NotStarted,
    /// The site is stopped.
    Stopped,
    /// The site is blocked after several failed starts.
    Blocked,
    /// The site runs and was taken out of rotation because it is not ready.
    NotReady,
    /// The front end itself was stopped in the meantime.
    FrontEndStopped,
    /// The emulator itself had no descriptor or port left for a connection to the site.
    Shortage,
    /// The client stopped sending its body, and waited for nothing but itself.
    ClientStalled,
    /// The client's request is no HTTP.
    NotUnderstood,
    /// The client's request has more head than the front end reads.
    HeadTooLarge,
    /// The client's request has a longer target than the front end reads.
    TargetTooLong,
    /// The client's body has a transfer coding other than chunked, which ends at the front end.
    CodingUnknown,
    /// A method that the front end does not pass on (CONNECT).
    NotPassedOn,
}

impl RequestEnd {
    /// The status of the row, and of the answer where the front end itself gives one.
    ///
    /// `limit_status` is what a request gets that the site does not answer in time: the platform's
    /// documentation and recordings disagree about it, so it is a knob.
    pub fn status(self, limit_status: u16) -> u16 {
        match self {
            Self::Answered(status) | Self::AnswerBroken(status) | Self::AnswerGarbled(status) => {
                status
            }
            Self::Tunnelled => 101,
            Self::ClientLeft => 499,
            Self::Refused | Self::NoAnswer | Self::BadAnswer => 502,
            Self::LimitReached => limit_status,
            Self::NotStarted
            | Self::Blocked
            | Self::NotReady
            | Self::FrontEndStopped
            | Self::Shortage => 503,
            Self::Stopped => 403,
            Self::ClientStalled => 408,
            Self::NotUnderstood => 400,
            Self::HeadTooLarge => 431,
            Self::TargetTooLong => 414,
            Self::CodingUnknown => 501,
            Self::NotPassedOn => 405,
        }
    }

    /// The Win32 code of the row: 0 but for what the other columns do not tell apart.
    pub(super) fn win32_status(self) -> &'static str {
        /// ERROR_WINHTTP_INVALID_SERVER_RESPONSE: the container's answer is no HTTP.
        const INVALID_SERVER_RESPONSE: &str = "12152";
        match self {
            Self::Shortage => TOO_MANY_OPEN_FILES,
            Self::BadAnswer | Self::AnswerGarbled(_) => INVALID_SERVER_RESPONSE,
            _ => "0",
        }
    }

    /// Whether the row says that the request succeeded.
    pub(super) fn is_success(self, status: u16) -> bool {
        status < 400 && !matches!(self, Self::AnswerBroken(_) | Self::AnswerGarbled(_))
    }

    /// How it is told in the stream, where the site did not answer.
    pub(super) fn unanswered(self) -> Option<Unanswered> {
        match self {
            Self::ClientLeft => Some(Unanswered::ClientLeft),
            Self::LimitReached => Some(Unanswered::Limit),
            Self::NotStarted => Some(Unanswered::StartFailed),
            Self::Refused => Some(Unanswered::Refused),
            Self::NoAnswer | Self::BadAnswer => Some(Unanswered::NoAnswer),
            Self::Stopped | Self::Blocked | Self::NotReady | Self::Shortage => {
                Some(Unanswered::TurnedAway)
            }
            Self::FrontEndStopped => Some(Unanswered::FrontEndStopped),
            Self::Answered(_)
            | Self::AnswerBroken(_)
            | Self::AnswerGarbled(_)
            | Self::Tunnelled
            | Self::ClientStalled
            | Self::NotUnderstood
            | Self::HeadTooLarge
            | Self::TargetTooLong
            | Self::CodingUnknown
            | Self::NotPassedOn => None,
        }
    }

    /// Whether the site's container had the request.
    pub(super) fn reached_the_site(self) -> bool {
        matches!(
            self,
            Self::Answered(_)
                | Self::AnswerBroken(_)
                | Self::AnswerGarbled(_)
                | Self::BadAnswer
                | Self::ClientLeft
                | Self::NoAnswer
                | Self::LimitReached
        )
    }

    /// The page that the front end answers with.
    pub(super) fn page(self, status: u16) -> String {
        let (title, text) = match self {
            Self::Stopped => (
                "Error 403 - This web app is stopped.",
                "Whoever looks after it has stopped it, and can start it again.",
            ),
            Self::Shortage => (
                "Service unavailable",
                "The emulator itself lacks file descriptors for this request. The application was not \
                 asked.",
            ),
            Self::ClientStalled => (
                "Request timeout",
                "The rest of the request did not come within the time that the front end waits.",
            ),
            Self::HeadTooLarge => (
                "Request header fields too large",
                "The head of the request is longer than the front end takes.",
            ),
            Self::NotUnderstood | Self::TargetTooLong => ("Bad request", "The request is no HTTP."),
            Self::CodingUnknown => (
                "Not implemented",
                "The only transfer coding of a request's body is chunked.",
            ),
            Self::BadAnswer => ("Bad gateway", "The application answered what is no HTTP."),
            Self::NotStarted | Self::Blocked | Self::NotReady => (
                ":( Application Error",
                "The application behind this address is not running. Whoever looks after it will \
                 find the reason in its console and platform logs.",
            ),
            Self::LimitReached => (
                "No answer in time",
                "The application took the request and gave no answer within the time that the \
                 front end waits.",
            ),
            Self::NotPassedOn => ("Not passed on", "This method ends at the front end."),
            _ => (
                "Bad gateway",
                "The connection to the application was refused, or ended without an answer.",
            ),
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>{status}</title></head>\n<body><h1>{title}</h1><p>{text}</p></body></html>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::RequestEnd;

    #[test]
    fn the_status_follows_from_who_failed() {
        for (end, status) in [
            (RequestEnd::Answered(404), 404),
            (RequestEnd::AnswerBroken(200), 200),
            (RequestEnd::AnswerGarbled(200), 200),
            (RequestEnd::BadAnswer, 502),
            (RequestEnd::HeadTooLarge, 431),
            (RequestEnd::TargetTooLong, 414),
            (RequestEnd::CodingUnknown, 501),
            (RequestEnd::Tunnelled, 101),
            (RequestEnd::ClientLeft, 499),
            (RequestEnd::Refused, 502),
            (RequestEnd::NoAnswer, 502),
            (RequestEnd::LimitReached, 504),
            (RequestEnd::NotStarted, 503),
            (RequestEnd::Stopped, 403),
            (RequestEnd::Shortage, 503),
            (RequestEnd::ClientStalled, 408),
            (RequestEnd::NotUnderstood, 400),
            (RequestEnd::Blocked, 503),
            (RequestEnd::NotReady, 503),
            (RequestEnd::FrontEndStopped, 503),
            (RequestEnd::NotPassedOn, 405),
        ] {
            assert_eq!(end.status(504), status, "{end:?}");
        }
        assert_eq!(RequestEnd::LimitReached.status(499), 499);
    }

    #[test]
    fn the_row_tells_the_emulators_lack_and_an_answer_that_is_no_http_from_the_rest() {
        for (end, win32, is_success) in [
            (RequestEnd::Answered(200), "0", true),
            (RequestEnd::AnswerBroken(200), "0", false),
            (RequestEnd::AnswerGarbled(200), "12152", false),
            (RequestEnd::BadAnswer, "12152", false),
            (RequestEnd::NoAnswer, "0", false),
            (RequestEnd::Shortage, "4", false),
            (RequestEnd::NotStarted, "0", false),
        ] {
            assert_eq!(end.win32_status(), win32, "{end:?}");
            assert_eq!(end.is_success(end.status(504)), is_success, "{end:?}");
        }
        assert!(!RequestEnd::Shortage.reached_the_site());
    }
}
