//! Tests written for other tools become schedules, and their mistakes are pointed at.

use murphy_schedule::{
    Diagnostic, Document, Fault, FaultKind, Schedule, When,
    import::{fdb, jepsen},
};
use proptest::prelude::{ProptestConfig, any, prop, proptest};

/// The schedule of a text that an importer has returned, which is in canonical form.
#[track_caller]
fn schedule(imported: Result<String, Vec<Diagnostic>>) -> Schedule {
    let text = imported.unwrap_or_else(|errors| panic!("{errors:#?}"));
    let document = Document::parse(&text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    assert_eq!(document.to_string(), text);
    document.schedule
}

fn kinds(schedule: &Schedule) -> Vec<FaultKind> {
    let mut kinds: Vec<FaultKind> = schedule.steps.iter().map(|step| step.fault.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// What is wrong, and the words that are marked.
fn mistakes(text: &str, errors: &[Diagnostic]) -> Vec<(u32, u32, String, Option<String>)> {
    let mistake = |error: &Diagnostic| {
        let marked = text[error.span.clone()].to_owned();
        assert!(marked.starts_with(&error.found), "{error:?}");
        (error.line, error.column, marked, error.suggestion.clone())
    };
    errors.iter().map(mistake).collect()
}

#[test]
fn the_option_line_of_the_readme_is_a_schedule() {
    let schedule = schedule(jepsen("--nemesis kill,partition --nemesis-interval 10 --time-limit 60", "any"));
    assert_eq!(kinds(&schedule), [FaultKind::Partition, FaultKind::Crash]);
    assert_eq!((schedule.header.nodes, schedule.header.clients, schedule.header.chaos), (5, 5, 6_000));
    let first =
        schedule.steps.iter().filter_map(|step| if let When::At(at) = step.when { Some(at) } else { None }).min();
    assert_eq!(first, Some(10_000_000));
}

#[test]
fn every_known_nemesis_of_every_suite_is_understood() {
    let jepsen_itself = "partition,packet,kill,pause,clock,file-corruption";
    let etcd = "admin,bitflip-wal,bitflip-snap,truncate-wal,pause,kill,partition,clock,member,corrupt,all,none";
    let fuzz_dist = "partition,pause,kill,packet,file-corruption,none,standard,process,all";
    let tikv = "partition,partition-one,partition-pd-leader,partition-half,partition-ring,kill,pause,kill-pd,kill-kv,\
                pause-pd,pause-kv,schedules,shuffle-leader,shuffle-region,random-merge,restart-kv-without-pd";
    let tidb = "kill-db,pause-db,clock-skew,slow-primary";
    let elastickv = "partition,kill,pause,clock,reboot,route-shuffle";
    let yugabyte = "partition,partition-half,partition-ring,partition-one,partition-majorities-ring,kill,kill-master,\
                    kill-tserver,pause,pause-master,pause-tserver,stop,stop-master,stop-tserver,clock-skew";
    let dgraph = "kill-alpha,kill-zero,fix-alpha,partition-halves,partition-ring,move-tablet,skew-clock";
    for list in [jepsen_itself, etcd, fuzz_dist, tikv, tidb, elastickv, yugabyte, dgraph] {
        schedule(jepsen(&format!("--nemesis {list}"), "any"));
        for name in list.split(',') {
            let schedule = schedule(jepsen(&format!("--nemesis {name} --time-limit 300"), "any"));
            assert_eq!(schedule.steps.is_empty(), name == "none", "{name}");
        }
    }
}

#[test]
fn every_combination_of_options_is_a_schedule() {
    let nemeses =
        ["", "--nemesis none", "--nemesis all", "--faults=partition,kill,clock", "--nemesis kill-pd,schedules"];
    let targets = ["", "--nemesis-targets one,majorities-ring", "--kill-targets n1,n2 --partition-targets bridge,one"];
    let times =
        ["", "--time-limit 1", "--time-limit=60 --nemesis-interval 0.3", "--time-limit 3600 --nemesis-interval 45"];
    let spacing =
        ["", "--nemesis-schedule fixed", "--long-recovery --final-recovery-time 30", "--nemesis-schedule=random"];
    let load = ["", "--rate 100 --ops-per-key 10 -c 2n", "--concurrency 10 --node n1 --node n2 --rate 0.5", "--lazyfs"];
    for nemesis in nemeses {
        for target in targets {
            for time in times {
                for space in spacing {
                    for rest in load {
                        schedule(jepsen(&format!("{nemesis} {target} {time} {space} {rest}"), "raft-kv+B1"));
                    }
                }
            }
        }
    }
}

#[test]
fn a_whole_command_line_is_understood_and_what_is_left_out_is_named() {
    let line = "lein run test --nodes n1,n2,n3 --username admin --password 'geheim 1' --ssh-private-key ~/.ssh/id \\\n  \
                --version 6.1.0 --tarball=file:///x.tgz --test-count 3 -w append --max-txn-length 4 --leave-db-running \
                --concurrency 2n --rate 20 --ops-per-key 100 --nemesis kill --time-limit 50";
    let text = jepsen(line, "any").unwrap();
    let header = schedule(Ok(text.clone())).header;
    assert_eq!((header.nodes, header.clients, header.keys, header.ops, header.rate), (3, 6, 10, Some(1_000), 20));
    assert!(!text.contains("geheim") && !text.contains("admin"), "{text}");
    for left_out in ["--password", "--tarball", "-w", "--max-txn-length", "--leave-db-running"] {
        assert!(text.contains(left_out), "{left_out} is not named:\n{text}");
    }
}

#[test]
fn the_option_lines_of_further_suites_are_understood() {
    let yugabyte = "lein run test -o debian --db ce --url https://x/yugabyte-2.4.tar.gz --replication-factor 3 --trace-cql \
                    --workload ysql/append --nemesis kill-tserver,stop-master,clock-skew --nemesis-interval 5";
    let dgraph = "test --local-binary ./dgraph --replicas 3 --rebalance-interval 10h --upsert-schema false -s server \
                  --sequencing client --force-download --skew huge --nemesis skew-clock,kill-alpha,fix-alpha";
    let redis = "test --follower-proxy --raft-log-max-size 8000 --raft-log-max-file-size 32000 --nuke-after-leave \
                 --raft-log-max-cache-size 1000000 --raft-version 1b3fbf6 --nemesis-stagger 3 --nemesis pause,member -r 10";
    for line in [yugabyte, dgraph, redis] {
        assert!(!schedule(jepsen(line, "any")).steps.is_empty(), "{line}");
    }
    assert_eq!(
        schedule(jepsen("--nemesis-stagger 3 --nemesis kill", "any")),
        schedule(jepsen("--nemesis-interval 3 --nemesis kill", "any"))
    );
}

#[test]
fn a_clock_is_skewed_by_the_size_that_is_asked_for() {
    for (size, offset) in [("tiny", "100ms"), ("small", "250ms"), ("big", "2s"), ("huge", "7.5s")] {
        let text = jepsen(&format!("--nemesis skew-clock --skew {size}"), "any").unwrap();
        assert!(text.contains(&format!("ahead {offset} for")), "{text}");
    }
    let line = "--nemesis skew-clock --skew hugh";
    assert_eq!(mistakes(line, &jepsen(line, "any").unwrap_err())[0].3.as_deref(), Some("huge"));
}

#[test]
fn a_node_that_is_not_there_cannot_be_struck() {
    let line = "--nemesis kill --kill-targets n1,n9 --nodes a,b,c";
    assert_eq!(mistakes(line, &jepsen(line, "any").unwrap_err()), [(1, 31, "n1,n9".to_owned(), None)]);
    schedule(jepsen("--nemesis kill --kill-targets n1,n3 --nodes a,b,c", "any"));
}

#[test]
fn recovery_and_topology_are_in_the_header() {
    let header = schedule(jepsen("--long-recovery --final-recovery-time 30 --topology dcs --seed 9", "any")).header;
    assert_eq!((header.active, header.calm, header.heal, header.dcs, header.seed), (12_000, 6_000, 3_000, 5, 9));
    let header = schedule(jepsen("--time-limit 5000 --concurrency 200 --ops-per-key 1 --rate 9000", "any")).header;
    assert_eq!((header.chaos, header.clients, header.keys, header.ops), (65_500, 15, 63, Some(65_534)));
}

#[test]
fn a_kill_takes_unsynced_writes_along_only_with_lazyfs() {
    let lost = |line: &str| {
        let fate = |text: String| text.lines().filter(|line| line.contains("crash")).all(|line| !line.contains("keep"));
        fate(jepsen(line, "any").unwrap())
    };
    assert!(!lost("--nemesis kill"));
    assert!(lost("--nemesis kill --lazyfs"));
}

#[test]
fn every_mistake_of_an_option_line_is_pointed_at() {
    let line = "--nemesis kill,partiton --nemesis-intervl 10 --time-limit 10s --partition-targets=one,majority-ring \
                --concurrency two --nemesis-schedule fixd --rate";
    let errors = jepsen(line, "any").unwrap_err();
    let at = |word: &str| line.find(word).unwrap() as u32 + 1;
    let mistake = |word: &str, suggestion: Option<&str>| (1, at(word), word.to_owned(), suggestion.map(str::to_owned));
    assert_eq!(
        mistakes(line, &errors),
        [
            mistake("partiton", Some("partition")),
            mistake("--nemesis-intervl", Some("--nemesis-interval")),
            mistake("10s", None),
            mistake("majority-ring", Some("majorities-ring")),
            mistake("two", None),
            mistake("fixd", Some("fixed")),
            (1, line.len() as u32 + 1, String::new(), None),
        ]
    );
}

#[test]
fn mistakes_are_found_on_the_line_where_they_are() {
    let many = "n1,n2,n3,n4,n5,n6,n7,n8,n9,a,b,c,d,e,f,g,h";
    let line = &format!("test --time-limit 60 \\\n  --nemesis 'kill,pauze' \\\n  stray --nodes {many}");
    let errors = jepsen(line, "any").unwrap_err();
    let places: Vec<(u32, u32)> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(2, 13), (3, 3), (3, 17)]);
    assert_eq!(errors[0].suggestion.as_deref(), Some("pause"));
}

/// FoundationDB's CycleTest in short.
const CYCLE: &str = "
[configuration]
storageEngineType = 4

[[test]]
testTitle = 'Clogged'

    [[test.workload]]
    testName = 'Cycle'
    transactionsPerSecond = 250.0
    testDuration = 10.0
    nodeCount = 30
    expectedRate = 0

    [[test.workload]]
    testName = 'RandomClogging'
    testDuration = 10.0

    [[test.workload]]
    testName = 'Rollback'
    meanDelay = 4.0
    clogDuration = 1.5
    testDuration = 10.0

    [[test.workload]]
    testName = 'Attrition'
    machinesToKill = 10
    machinesToLeave = 3
    reboot = true
    testDuration = 10.0

    [[test.workload]]
    testName = 'ChangeConfig'
    maxDelayBeforeChange = 8.0
    coordinators = 'auto'

[[test]]
testTitle = 'Unclogged'

    [[test.workload]]
    testName = 'Cycle'
    transactionsPerSecond = 100.0
    testDuration = 5.0
";

#[test]
fn a_foundationdb_test_is_a_schedule() {
    let text = fdb(CYCLE, "any").unwrap();
    let schedule = schedule(Ok(text.clone()));
    let header = schedule.header;
    assert_eq!((header.keys, header.ops, header.rate, header.chaos), (63, Some(3_000), 250, 1_500));
    assert_eq!(kinds(&schedule), [FaultKind::Admin, FaultKind::Clog, FaultKind::Attrition]);
    for said in
        ["Clogged, Unclogged", "configuration", "Cycle.expectedRate", "RandomClogging", "Rollback", "ChangeConfig"]
    {
        assert!(text.contains(said), "{said} is not named:\n{text}");
    }
    let attrition =
        |fault: &Fault| matches!(fault, Fault::Attrition { kill, leave, .. } if (kill.0, leave.0) == (10, 3));
    assert!(schedule.steps.iter().any(|step| attrition(&step.fault)));
}

#[test]
fn tests_of_foundationdb_run_one_after_another() {
    let clogging = "[[test.workload]]\ntestName = 'RandomClogging'\ntestDuration = 3.0\nswizzle = 1\n";
    let schedule = schedule(fdb(&format!("[[test]]\n{clogging}[[test]]\n{clogging}"), "any"));
    let swizzle = |step: &&murphy_schedule::Step| step.fault.kind() == FaultKind::Swizzle;
    let begins: Vec<When> = schedule.steps.iter().filter(swizzle).map(|step| step.when).collect();
    assert_eq!(begins, [When::At(1_000_000), When::At(4_000_000)]);
    assert_eq!(schedule.header.chaos, 600);
}

#[test]
fn every_parameter_of_a_foundationdb_workload_gives_a_schedule() {
    let parameters = [
        "RandomClogging'\nscale = 0.1\nclogginess = 4.0",
        "RandomClogging'\nclogginess = 0",
        "RandomClogging'\nswizzle = true\nscale = 100",
        "Rollback'\nmultiple = false\nenableFailures = true",
        "Rollback'\nmeanDelay = 0\nclogDuration = 0",
        "Attrition'\nkillDc = true\nreboot = true",
        "Attrition'\nkillDc = true",
        "Attrition'\nmachinesToKill = 0",
        "Attrition'\nmachinesToKill = 100000\ntestDuration = 100_000",
        "Attrition'\nworkersToKill = 3\nsuspendDuration = 1",
        "ChangeConfig'\nconfigMode = 'triple'\nminDelayBeforeChange = 1",
        "ChangeConfig'",
        "Cycle'\ntransactionsPerSecond = 1e9",
        "Cycle'\ntransactionsPerSecond = '0.1'\ntestDuration = 0",
    ];
    let workload = |parameters: &str| format!("[[test.workload]]\ntestName = '{parameters}\n");
    for one in parameters {
        schedule(fdb(&format!("[[test]]\n{}", workload(one)), "any"));
        for other in parameters {
            schedule(fdb(&format!("[[test]]\n{}{}", workload(one), workload(other)), "any"));
        }
    }
    let all: String = parameters.map(workload).concat();
    schedule(fdb(&format!("[[test]]\ntestTitle = 'all'\n{}", all.repeat(20)), "any"));
}

/// A file with these workloads in one test.
fn workloads(names: &[&str]) -> String {
    let workload = |name: &&str| format!("[[test.workload]]\ntestName = '{name}'\n");
    format!("[[test]]\n{}", names.iter().map(workload).collect::<String>())
}

#[test]
fn workloads_beside_the_five_are_left_out_and_named() {
    let known = schedule(fdb(&workloads(&["RandomClogging"]), "any"));
    for other in
        ["ApiCorrectness", "ConsistencyCheck", "Serializability", "Increment", "DiskFailureInjection", "RandomMoveKeys"]
    {
        let text = fdb(&workloads(&[other, "RandomClogging"]), "any").unwrap();
        assert!(text.lines().any(|line| line.starts_with("# Left out") && line.contains(other)), "{text}");
        assert_eq!(schedule(Ok(text)), known, "{other}");
    }
}

#[test]
fn a_foundationdb_test_with_none_of_the_five_is_an_error() {
    let text = workloads(&["ApiCorrectness", "DiskFailureInjection"]);
    let errors = fdb(&text, "any").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 5]);
    assert!(errors[0].found.contains("ApiCorrectness") && errors[0].expected.contains("`Attrition`"), "{}", errors[0]);
    assert_eq!(fdb(&workloads(&[]), "any").unwrap_err().len(), 1);
    let slip = fdb(&workloads(&["Cycle", "ApiCorectness"]), "any").unwrap_err();
    assert_eq!(slip[0].suggestion.as_deref(), Some("ApiCorrectness"));
}

#[test]
fn an_attrition_has_somebody_to_kill() {
    let attrition = |parameters: &str| {
        let imported = fdb(&format!("[[test]]\n[[test.workload]]\ntestName = 'Attrition'\n{parameters}"), "any");
        let schedule = schedule(imported);
        let leave = |fault: &Fault| if let Fault::Attrition { leave, .. } = fault { Some(leave.0) } else { None };
        (schedule.header.nodes, schedule.steps.iter().find_map(|step| leave(&step.fault)).unwrap())
    };
    assert_eq!(attrition("machinesToLeave = 3\nmachinesToKill = 10\nreboot = true\ntestDuration = 10.0"), (5, 3));
    assert_eq!(attrition("machinesToLeave = 3\nmachinesToKill = 10\nreboot = true\ntestDuration = 2.0"), (8, 3));
    assert_eq!(attrition("machinesToLeave = 3\nmachinesToKill = 4"), (7, 3));
    assert_eq!(attrition("machinesToLeave = 3\nmachinesToKill = 1"), (5, 3));
    assert_eq!(attrition("machinesToLeave = 40\nmachinesToKill = 100"), (16, 14));
}

#[test]
fn a_step_that_ends_before_its_test_says_so() {
    let long = format!("{}testDuration = 600\nscale = 0.1\n", workloads(&["RandomClogging"]));
    let text = fdb(&long, "any").unwrap();
    assert!(text.contains("# `clog` begins for the last time at 25.1s"), "{text}");
    assert!(!fdb(&workloads(&["RandomClogging"]), "any").unwrap().contains("for the last time"));
}

#[test]
fn every_mistake_of_a_foundationdb_test_is_pointed_at() {
    let text = "[[test]]\ntestTitle = 3\n[[test.workload]]\ntestName = 'Cylce'\n[[test.workload]]\ntestName = 'Attrition'\n\
                machinesToKill = 'many'\nreboot = 7\n[[test.workload]]\ntestDuration = 1.0\n";
    let errors = fdb(text, "any").unwrap_err();
    let found = mistakes(text, &errors);
    assert_eq!(found[0].2, "3");
    assert_eq!((found[1].0, found[1].3.as_deref()), (4, Some("Cycle")));
    assert!(errors[1].expected.contains("`RandomClogging`"), "{}", errors[1]);
    assert_eq!((found[2].0, found[3].0), (7, 8));
    assert!(errors[4].expected.contains("testName"), "{}", errors[4]);
    assert_eq!(errors.len(), 5);
    assert!(fdb("[[test", "any").is_err() && fdb("", "any").is_err() && fdb("test = 3", "any").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_option_line_is_a_schedule_or_mistakes(words in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        const WORDS: [&str; 24] = [
            "--nemesis", "kill,pause", "--nemesis=all,", "--time-limit", "60", "0", "-1", "1e400", "--rate", "--nodes", "n1,é",
            "--", "-", "--lazyfs=x", "\"", "'a b'", "--seed", "--nemesis-targets", "n1,n2,one", "--concurrency", "9999999999n",
            "--ops-per-key", "--nemesis-interval", "\\\n",
        ];
        let line = words.iter().map(|word| WORDS[word.index(WORDS.len())]).collect::<Vec<_>>().join(" ");
        check_any(&line, jepsen(&line, "any"));
    }

    #[test]
    fn any_text_is_a_schedule_or_mistakes(text in "(?s).{0,60}") {
        check_any(&text, jepsen(&text, "any"));
        check_any(&text, fdb(&text, "any"));
    }
}

fn check_any(text: &str, imported: Result<String, Vec<Diagnostic>>) {
    match imported {
        Ok(imported) => drop(schedule(Ok(imported))),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(text.get(error.span.clone()).is_some() && error.line > 0 && error.column > 0, "{error:?}");
            }
        }
    }
}
