//! Samples of both versions of cgroups.

use super::*;

const MOUNTS_1: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
const MOUNTS_2: &str =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n";

fn sample(
    files: &'static [(&'static str, &'static str)],
) -> impl Fn(&Path) -> Result<String, Unavailable> {
    move |path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        let text = found.map(|(_, text)| (*text).to_owned());
        text.ok_or_else(|| Unavailable::reading(path, &"no such file"))
    }
}

#[test]
fn version_1_is_found_beside_an_empty_version_2() {
    let location = locate("4:memory:/box/a\n1:cpu:/\n0::/\n", MOUNTS_1).unwrap();
    assert_eq!(location.version, Version::One);
    assert_eq!(location.directory, Path::new("/sys/fs/cgroup/memory/box/a"));
    assert_eq!(location.path, "/box/a");
}

#[test]
fn version_2_is_found_in_a_unified_hierarchy() {
    let location = locate("0::/user.slice/x.scope\n", MOUNTS_2).unwrap();
    assert_eq!(location.version, Version::Two);
    assert_eq!(
        location.directory,
        Path::new("/sys/fs/cgroup/user.slice/x.scope")
    );
}

#[test]
fn a_container_that_sees_only_its_subtree_is_not_looked_for_twice() {
    let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    let location = locate("4:memory:/docker/abc\n", mounts).unwrap();
    assert_eq!(location.directory, Path::new("/sys/fs/cgroup/memory"));
}

#[test]
fn a_machine_without_memory_cgroups_says_so() {
    let error = locate("1:cpu:/\n", "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "not available here, because no memory cgroup is mounted"
    );
}

#[test]
fn version_1_files_are_read() {
    let location = locate("4:memory:/box\n", MOUNTS_1).unwrap();
    let memory = measure(
        location,
        &sample(&[
            (
                "/sys/fs/cgroup/memory/box/memory.usage_in_bytes",
                "104857600\n",
            ),
            ("/sys/fs/cgroup/memory/box/memory.failcnt", "17\n"),
            (
                "/sys/fs/cgroup/memory/box/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            ),
            (
                "/sys/fs/cgroup/memory/box/memory.stat",
                "cache 1\nhierarchical_memory_limit 536870912\nhierarchical_memsw_limit 9223372036854771712\ntotal_swap 4096\ntotal_workingset_refault_anon 3\ntotal_workingset_refault_file 4\ntotal_inactive_file 50000000\ntotal_active_file 4857600\n",
            ),
        ]),
    );
    assert_eq!(memory.limit, Ok(Some(536_870_912)));
    assert_eq!(memory.usage, Ok(104_857_600));
    assert_eq!(memory.swap_limit, Ok(None));
    assert_eq!(memory.swap_usage, Ok(4096));
    let events = memory.events.clone().unwrap();
    assert_eq!((events["failcnt"], events["oom_kill"]), (17, 2));
    assert!(memory.pressure.is_err());
    assert_eq!(memory.refaults, Ok(7));
    let available = effective_available(1 << 40, &memory).unwrap();
    assert_eq!(available.bytes, 536_870_912 - 104_857_600 + 54_857_600);
    assert_eq!(available.source, Path::new("/sys/fs/cgroup/memory/box"));
    let available = effective_available(4096, &memory).unwrap();
    assert_eq!(available.bytes, 4096);
    assert_eq!(available.source, Path::new("/proc/meminfo"));
}

#[test]
fn stalls_of_a_version_1_group_are_those_of_the_version_2_group_beside_it() {
    assert_eq!(
        pressure_group("4:memory:/box/a\n0::/box\n", MOUNTS_1),
        Some(PathBuf::from("/sys/fs/cgroup/unified/box"))
    );
    assert_eq!(pressure_group("4:memory:/box\n0::/\n", MOUNTS_1), None);
    assert_eq!(pressure_group("4:memory:/box\n", MOUNTS_1), None);
}

#[test]
fn version_2_takes_the_tightest_limit_on_the_way_up() {
    let location = locate("0::/a/b\n", MOUNTS_2).unwrap();
    let memory = measure(
        location,
        &sample(&[
            ("/sys/fs/cgroup/a/memory.max", "536870912\n"),
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "1048576\n"),
            ("/sys/fs/cgroup/a/memory.swap.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.swap.max", "max\n"),
            (
                "/sys/fs/cgroup/a/b/memory.events",
                "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n",
            ),
            (
                "/sys/fs/cgroup/a/b/memory.pressure",
                "some avg10=1.50 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
            ),
        ]),
    );
    assert_eq!(memory.limit, Ok(Some(536_870_912)));
    assert_eq!(memory.usage, Ok(1_048_576));
    assert_eq!(memory.swap_limit, Ok(None));
    assert!(memory.swap_usage.is_err());
    let missing = memory.refaults.clone().unwrap_err();
    assert!(missing.reason().contains("memory.stat"), "{missing}");
    assert_eq!(memory.events.unwrap()["max"], 12);
    assert_eq!(memory.pressure.unwrap().some.avg10, 1.5);
}

#[test]
fn kills_are_counted_in_the_own_cgroup_wherever_it_is_mounted() {
    let mounts = "35 31 0:32 /docker/abc /cg/memory ro - cgroup cgroup rw,memory\n";
    let location = locate("4:memory:/docker/abc\n", mounts).unwrap();
    let files = sample(&[(
        "/cg/memory/memory.oom_control",
        "oom_kill_disable 0\noom_kill 3\n",
    )]);
    let path = PathBuf::from("/cg/memory/memory.oom_control");
    assert_eq!(oom_kills_at(&location, &files), Ok(Some((path, 3))));

    let location = locate("0::/a\n", MOUNTS_2).unwrap();
    let files = sample(&[
        ("/sys/fs/cgroup/a/memory.events", "oom_kill 9\n"),
        (
            "/sys/fs/cgroup/a/memory.events.local",
            "low 0\noom_kill 1\n",
        ),
    ]);
    let path = PathBuf::from("/sys/fs/cgroup/a/memory.events.local");
    assert_eq!(oom_kills_at(&location, &files), Ok(Some((path, 1))));
    assert!(
        oom_kills_at(&location, &sample(&[])).is_err(),
        "not the machine's"
    );
    let root = locate("0::/\n", MOUNTS_2).unwrap();
    assert_eq!(oom_kills_at(&root, &sample(&[])), Ok(None));
}

#[test]
fn this_machine_answers_one_way_or_the_other() {
    match memory() {
        Ok(memory) => assert!(memory.location.directory.is_dir()),
        Err(error) => assert!(!error.reason().is_empty()),
    }
}
