//! How large a pool a startup command asks for, in Gunicorn's words.

/// What a startup command says of its pool; nothing where it leaves it to defaults and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolSize {
    /// `--workers`, `-w`.
    pub workers: Option<u32>,
    /// `--threads`.
    pub threads: Option<u32>,
    /// `--worker-class`, `-k`.
    pub worker_class: Option<String>,
}

impl PoolSize {
    /// What `command` says.
    pub fn of_command(command: &str) -> Self {
        let words: Vec<&str> = command.split_whitespace().collect();
        let number = |long, short| value(&words, long, short)?.parse().ok();
        Self {
            workers: number("--workers", Some("-w")),
            threads: number("--threads", None),
            worker_class: value(&words, "--worker-class", Some("-k")).map(str::to_owned),
        }
    }

    /// Requests that are served at the same time; `None` where the number of workers is not said, or
    /// where a worker serves as many as come.
    pub fn servers(&self) -> Option<u32> {
        let class = self.worker_class.as_deref().unwrap_or("sync");
        match class {
            "sync" | "gthread" => self.workers?.checked_mul(self.threads.unwrap_or(1)),
            _ => None,
        }
    }
}

/// What follows a flag, whichever way it is written; the last one counts.
fn value<'w>(words: &[&'w str], long: &str, short: Option<&str>) -> Option<&'w str> {
    let is_flag = |word: &str| word == long || short == Some(word);
    words.iter().enumerate().rev().find_map(|(at, word)| {
        if is_flag(word) {
            return words.get(at + 1).copied();
        }
        let behind = |flag: &str| word.strip_prefix(flag).filter(|rest| !rest.is_empty());
        behind(long)
            .and_then(|rest| rest.strip_prefix('='))
            .or_else(|| behind(short?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_counts_whichever_way_it_is_written_and_the_last_one_wins() {
        for (command, workers, servers) in [
            ("gunicorn -w 3 app:app", Some(3), Some(3)),
            ("gunicorn -w4 --threads=2 app:app", Some(4), Some(8)),
            ("gunicorn --workers 2 --workers=5 app:app", Some(5), Some(5)),
            (
                "gunicorn --workers=2 -k gthread --threads 8 app:app",
                Some(2),
                Some(16),
            ),
            (
                "gunicorn --workers=2 --worker-class=gevent app:app",
                Some(2),
                None,
            ),
            (
                "gunicorn -w 2 -kuvicorn.workers.UvicornWorker app:app",
                Some(2),
                None,
            ),
            ("gunicorn --workers=many app:app", None, None),
            ("gunicorn --worker-tmp-dir /dev/shm app:app", None, None),
            ("gunicorn app:app -w", None, None),
        ] {
            let size = PoolSize::of_command(command);
            assert_eq!(
                (size.workers, size.servers()),
                (workers, servers),
                "{command}"
            );
        }
    }
}
