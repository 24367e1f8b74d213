//! The index against a walk over all objects, after each event of a watch.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::*;
use crate::objects::RawS3TriggeredFunction;

type Object = RawS3TriggeredFunction;

const ROLES: [&str; 2] = ["one", "two"];

fn permission(id: &str) -> AppliedPermission {
    AppliedPermission { function_arn: "arn".into(), statement_id: id.into() }
}

/// An object with its bucket in the spec, and with the recorded buckets and statements in the status.
fn object(name: &str, bucket: &str, recorded: &[&str]) -> Value {
    let notifications =
        recorded.iter().map(|bucket| json!({"region": "r", "bucket": bucket, "bucketOwner": "1"}));
    let permissions = recorded.iter().map(|bucket| json!({"functionArn": "arn", "statementId": bucket}));
    let ready = json!({"type": "Ready", "status": "True", "reason": "Applied", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    json!({
        "metadata": {"namespace": "team", "name": name, "uid": name, "resourceVersion": "1"},
        "spec": {"bucket": bucket, "function": {"name": "f"}},
        "status": {
            "applied": {
                "notifications": notifications.collect::<Vec<_>>(), "permissions": permissions.collect::<Vec<_>>(),
            },
            "conditions": if recorded.is_empty() { json!([]) } else { json!([ready]) },
        },
    })
}

fn parsed(object: &Value) -> Object {
    serde_json::from_value(object.clone()).unwrap()
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    object
}

/// All lookups, as index key and name. The second value has the same from a walk over all objects.
fn lookups(store: &IndexedStore<Object>) -> [BTreeSet<(IndexKey, String)>; 2] {
    let walk = store.objects().state();
    let walked = walk.iter().flat_map(|object| {
        IndexKey::all_of(&**object).into_iter().map(|key| (key, object.resource_version_and_name()))
    });
    let snapshot = store.snapshot();
    let keys: Vec<IndexKey> = snapshot.index.0.keys().cloned().collect();
    let indexed = keys.iter().flat_map(|key| {
        assert_eq!(snapshot.count(key), snapshot.by_index(key).count());
        snapshot.by_index(key).map(|object| (key.clone(), object.resource_version_and_name()))
    });
    [indexed.collect(), walked.collect()]
}

trait VersionAndName {
    fn resource_version_and_name(&self) -> String;
}

impl VersionAndName for Arc<Object> {
    fn resource_version_and_name(&self) -> String {
        format!("{} {}", self.name_any(), self.resource_version().unwrap_or_default())
    }
}

fn names(store: &IndexedStore<Object>, key: &IndexKey) -> Vec<String> {
    store.snapshot().by_index(key).map(|object| object.name_any()).collect()
}

fn bucket(name: &str) -> IndexKey {
    IndexKey::Bucket(name.into())
}

#[test]
fn the_index_follows_each_event_of_a_watch() {
    use Event::{Apply, Delete, Init, InitApply, InitDone};
    let deleted =
        with(object("b", "two", &["two"]), "/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"));
    let unreadable = with(object("a", "one", &["one"]), "/spec/function", json!(1));
    let code = json!({"definition": {"code": {"configMap": {"name": "code"}}}});
    let events = [
        Init,
        InitApply(parsed(&object("a", "one", &[]))),
        InitApply(parsed(&object("b", "two", &["two"]))),
        InitApply(parsed(&object("c", "two", &["two", "one"]))),
        InitDone,
        // The spec, the status, or both move to another bucket.
        Apply(parsed(&object("a", "one", &["one"]))),
        Apply(parsed(&object("a", "two", &["one"]))),
        Apply(parsed(&object("a", "two", &["two"]))),
        Apply(parsed(&with(object("a", "two", &["two"]), "/metadata/resourceVersion", json!("2")))),
        Apply(parsed(&unreadable)),
        Apply(parsed(&with(object("a", "two", &["two"]), "/spec/function", code))),
        Apply(parsed(&deleted)),
        Delete(parsed(&deleted)),
        Delete(parsed(&deleted)),
        Apply(parsed(&object("b", "three", &[]))),
        // A list that lacks objects, has a new object, and is interrupted once.
        Init,
        InitApply(parsed(&object("d", "one", &[]))),
        Init,
        InitApply(parsed(&object("a", "three", &["two"]))),
        InitApply(parsed(&object("e", "one", &["one"]))),
        Apply(parsed(&object("f", "two", &["one"]))),
        InitDone,
        Init,
        InitDone,
    ];
    let (store, mut writer) = IndexedStore::<Object>::new();
    for (number, event) in events.iter().enumerate() {
        writer.apply(event);
        let [indexed, walked] = lookups(&store);
        assert_eq!(indexed, walked, "event {number}");
        match number {
            // The objects of a list show at its end.
            3 => assert_eq!(names(&store, &bucket("two")), [""; 0]),
            4 => assert_eq!(names(&store, &bucket("two")), ["b", "c"]),
            6 => assert_eq!(ROLES.map(|name| names(&store, &bucket(name)).join(",")), ["a,c", "a,b,c"]),
            9 => assert_eq!(names(&store, &IndexKey::UnreadableSpec), ["a"]),
            10 => assert_eq!(names(&store, &IndexKey::ConfigMap(ObjectKey::new("team", "code"))), ["a"]),
            // An object that is being deleted needs no statement, and may still have entries.
            11 => {
                assert_eq!(names(&store, &IndexKey::Permission(permission("two"))), ["a", "c"]);
                assert_eq!(names(&store, &bucket("two")), ["a", "b", "c"]);
            }
            14 => assert_eq!(names(&store, &IndexKey::Ready("Progressing".into())), ["b"]),
            20 => assert_eq!(names(&store, &bucket("one")), ["c", "f"]),
            21 => assert_eq!(names(&store, &bucket("one")), ["e"]),
            _ => {}
        }
    }
    assert_eq!((store.is_empty(), store.len()), (true, 0));
}

#[test]
fn a_list_reports_new_changed_and_missing_objects() {
    use Event::{Apply, Delete, Init, InitApply, InitDone};
    let (store, mut writer) = IndexedStore::<Object>::new();
    let mut changes = |events: &[Event<Object>]| -> Vec<String> {
        let version = |object: &Option<Arc<Object>>| {
            object.as_ref().map_or("none".into(), |o| o.resource_version().unwrap())
        };
        let view = |Change { old, new }: Change<Object>| {
            let name = new.as_ref().or(old.as_ref()).unwrap().name_any();
            format!("{name} {} {}", version(&old), version(&new))
        };
        events.iter().flat_map(|event| writer.apply(event)).map(view).collect()
    };
    let version = |name: &str, version: &str| {
        parsed(&with(object(name, "one", &[]), "/metadata/resourceVersion", json!(version)))
    };
    let listed = |name: &str, number: &str| InitApply(version(name, number));
    assert_eq!(changes(&[Init, listed("b", "1"), listed("a", "2")]), [""; 0]);
    assert_eq!(changes(&[InitDone]), ["a none 2", "b none 1"]);
    assert_eq!(changes(&[Apply(version("a", "3"))]), ["a 2 3"]);
    // A repeated event, and a deletion of an unknown object.
    assert_eq!(changes(&[Apply(version("a", "3")), Delete(version("c", "3"))]), [""; 0]);
    assert_eq!(changes(&[Init, listed("a", "3"), listed("d", "5"), InitDone]), ["b 1 none", "d none 5"]);
    assert_eq!(changes(&[Init, listed("a", "3"), listed("d", "6"), InitDone]), ["d 5 6"]);
    // A successor with the same name and an older version.
    let successor = with(object("a", "one", &[]), "/metadata/uid", json!("successor"));
    assert_eq!(changes(&[Apply(parsed(&successor))]), ["a 3 1"]);
    assert_eq!(changes(&[Delete(version("d", "7"))]), ["d 6 none"]);
    assert_eq!(store.len(), 1);
}

#[test]
fn the_index_is_never_older_than_the_store() {
    let (store, mut writer) = IndexedStore::<Object>::new();
    writer.apply(&Event::Init);
    writer.apply(&Event::InitDone);
    let done = AtomicBool::new(false);
    let key = ObjectKey::new("team", "a");
    // Each version of the object names a new bucket, and keeps the buckets before it in the status.
    let is_current = || {
        let Some(seen) = store.get(&key) else { return };
        let named = seen.spec.value()["bucket"].as_str().unwrap().to_owned();
        assert_eq!(names(&store, &bucket(&named)), ["a"], "the index lacks {named}");
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                is_current();
            }
        });
        let mut buckets: Vec<String> = vec![];
        for number in 0..200 {
            let recorded: Vec<&str> = buckets.iter().map(String::as_str).collect();
            let object = parsed(&object("a", &number.to_string(), &recorded));
            if number % 20 == 19 {
                [Event::Init, Event::InitApply(object), Event::InitDone]
                    .iter()
                    .for_each(|event| drop(writer.apply(event)));
            } else {
                writer.apply(&Event::Apply(object));
            }
            buckets.push(number.to_string());
        }
        done.store(true, Ordering::Release);
    });
}
