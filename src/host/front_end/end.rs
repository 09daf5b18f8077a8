//! How a request ended, and the status that follows from it.

use crate::timeline::event::Unanswered;

/// Who ended a request, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// The site answered, with this status, and the answer went out whole.
    Answered(u16),
    /// The site's answer broke off after its head, with this status, had gone out.
    AnswerBroken(u16),
    /// The connection was handed over to another protocol (status 101) and has ended.
    Tunnelled,
    /// The client left before it had its answer.
    ClientLeft,
    /// The site's container took no connection.
    Refused,
    /// The site took the request and reset or closed the connection without an answer, or answered
    /// what is no HTTP.
    NoAnswer,
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
    /// The front end itself had no descriptor or port left for a connection to the site.
    Shortage,
    /// The client stopped sending its body, and waited for nothing but itself.
    ClientStalled,
    /// The client's request is no HTTP.
    NotUnderstood,
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
            Self::Answered(status) | Self::AnswerBroken(status) => status,
            Self::Tunnelled => 101,
            Self::ClientLeft => 499,
            Self::Refused | Self::NoAnswer => 502,
            Self::LimitReached => limit_status,
            Self::NotStarted
            | Self::Blocked
            | Self::NotReady
            | Self::FrontEndStopped
            | Self::Shortage => 503,
            Self::Stopped => 403,
            Self::ClientStalled => 408,
            Self::NotUnderstood => 400,
            Self::NotPassedOn => 405,
        }
    }

    /// How it is told in the stream, where the site did not answer.
    pub(super) fn unanswered(self) -> Option<Unanswered> {
        match self {
            Self::ClientLeft => Some(Unanswered::ClientLeft),
            Self::LimitReached => Some(Unanswered::Limit),
            Self::NotStarted => Some(Unanswered::StartFailed),
            Self::Refused => Some(Unanswered::Refused),
            Self::NoAnswer => Some(Unanswered::NoAnswer),
            Self::Stopped | Self::Blocked | Self::NotReady | Self::Shortage => {
                Some(Unanswered::TurnedAway)
            }
            Self::FrontEndStopped => Some(Unanswered::FrontEndStopped),
            Self::Answered(_)
            | Self::AnswerBroken(_)
            | Self::Tunnelled
            | Self::ClientStalled
            | Self::NotUnderstood
            | Self::NotPassedOn => None,
        }
    }

    /// Whether the site's container had the request.
    pub(super) fn reached_the_site(self) -> bool {
        matches!(
            self,
            Self::Answered(_)
                | Self::AnswerBroken(_)
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
                "The front end itself has no connection left for this request.",
            ),
            Self::ClientStalled => (
                "Request timeout",
                "The rest of the request did not come within the time that the front end waits.",
            ),
            Self::NotUnderstood => ("Bad request", "The request is no HTTP."),
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
}
