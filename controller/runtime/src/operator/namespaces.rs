//! Lists and watches of several namespaces, merged into a single stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt, stream};
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::Store;
use kube::runtime::watcher::{Error, Event};
use kube::{Api, Client, Resource, ResourceExt};

/// A namespace with its API of one kind. `None` stands for all namespaces.
pub type Scoped<K> = (Option<String>, Api<K>);

/// The events of the list and the watch of one kind.
pub type WatchEvents<K> = BoxStream<'static, Result<Event<K>, Error>>;

/// The API of one kind in each namespace, or in the whole cluster if `namespaces` is empty.
pub fn apis<K>(client: &Client, namespaces: &[String]) -> Vec<Scoped<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    if namespaces.is_empty() {
        return vec![(None, Api::all(client.clone()))];
    }
    let of = |name: &String| (Some(name.clone()), Api::namespaced(client.clone(), name));
    namespaces.iter().map(of).collect()
}

/// Merges the watches of several namespaces. A reflector replaces the whole content at the end of a list. The first
/// lists are therefore passed on together, and a later list of one namespace as single changes.
pub fn merged<K>(watches: Vec<(Option<String>, WatchEvents<K>)>, store: Store<K>) -> WatchEvents<K>
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let (namespaces, mut streams): (Vec<_>, Vec<_>) = watches.into_iter().unzip();
    if streams.len() == 1
        && let Some(single) = streams.pop()
    {
        return single;
    }
    let mut lists = Lists::new(namespaces.len());
    let tagged =
        streams.into_iter().enumerate().map(|(index, events)| events.map(move |event| (index, event)));
    let events = select_all(tagged.map(StreamExt::boxed)).map(move |(index, event)| match event {
        Ok(event) => lists
            .next(index, event, || held(&store, namespaces[index].as_deref()))
            .into_iter()
            .map(Ok)
            .collect(),
        Err(error) => vec![Err(error)],
    });
    flattened(events)
}

fn flattened<T: Send + 'static>(
    batches: impl Stream<Item = Vec<T>> + Send + 'static,
) -> BoxStream<'static, T> {
    batches.flat_map(stream::iter).boxed()
}

/// The reflector's objects in a namespace.
fn held<K: Resource<DynamicType = ()> + Clone>(store: &Store<K>, namespace: Option<&str>) -> Vec<Arc<K>> {
    let mut objects = store.state();
    objects.retain(|object| object.namespace().as_deref() == namespace);
    objects
}

/// The current list of each namespace.
struct Lists<K> {
    lists: Vec<List<K>>,
    /// True after each namespace was listed once: the reflector holds all objects.
    passed_on: bool,
}

struct List<K> {
    objects: BTreeMap<String, K>,
    synced: bool,
}

impl<K: ResourceExt + Clone> Lists<K> {
    fn new(count: usize) -> Self {
        let lists = (0..count).map(|_| List { objects: BTreeMap::new(), synced: false }).collect();
        Self { lists, passed_on: false }
    }

    /// The merged events for an event of one namespace. `held` returns the reflector's objects in the namespace.
    fn next(&mut self, index: usize, event: Event<K>, held: impl FnOnce() -> Vec<Arc<K>>) -> Vec<Event<K>> {
        let list = &mut self.lists[index];
        match event {
            Event::Init => {
                list.objects.clear();
                list.synced = false;
                vec![]
            }
            Event::InitApply(object) => {
                list.objects.insert(object.name_any(), object);
                vec![]
            }
            Event::InitDone if self.passed_on => {
                let listed = std::mem::take(&mut list.objects);
                let gone = held().into_iter().filter(|object| !listed.contains_key(&object.name_any()));
                let gone: Vec<_> = gone.map(|object| Event::Delete(object.as_ref().clone())).collect();
                gone.into_iter().chain(listed.into_values().map(Event::Apply)).collect()
            }
            Event::InitDone => {
                list.synced = true;
                self.pass_on()
            }
            Event::Apply(object) if !self.passed_on => {
                list.objects.insert(object.name_any(), object);
                vec![]
            }
            Event::Delete(object) if !self.passed_on => {
                list.objects.remove(&object.name_any());
                vec![]
            }
            live => vec![live],
        }
    }

    /// Passes on the first lists, after the last list is complete.
    fn pass_on(&mut self) -> Vec<Event<K>> {
        self.passed_on = self.lists.iter().all(|list| list.synced);
        if !self.passed_on {
            return vec![];
        }
        let objects = self.lists.iter_mut().flat_map(|list| std::mem::take(&mut list.objects).into_values());
        let listed = objects.map(Event::InitApply);
        [Event::Init].into_iter().chain(listed).chain([Event::InitDone]).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector;
    use serde_json::json;

    use super::*;

    fn object(namespace: &str, name: &str) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"namespace": namespace, "name": name}})).unwrap()
    }

    /// Merges events of the namespaces `a` and `b`. Returns the kinds of merged events, and the reflector's objects.
    async fn merge(events: Vec<(usize, Event<ConfigMap>)>) -> (Vec<&'static str>, Vec<String>) {
        let (store, mut writer) = reflector::store();
        let mut lists = Lists::new(2);
        let mut kinds = vec![];
        for (index, event) in events {
            let namespace = ["a", "b"][index];
            for event in lists.next(index, event, || held(&store, Some(namespace))) {
                kinds.push(match &event {
                    Event::Init => "init",
                    Event::InitApply(_) => "listed",
                    Event::InitDone => "complete",
                    Event::Apply(_) => "apply",
                    Event::Delete(_) => "delete",
                });
                writer.apply_watcher_event(&event);
            }
        }
        let name = |object: &Arc<ConfigMap>| format!("{}/{}", object.namespace().unwrap(), object.name_any());
        let mut names: Vec<String> = store.state().iter().map(name).collect();
        names.sort();
        (kinds, names)
    }

    fn list(index: usize, names: &[&str]) -> Vec<(usize, Event<ConfigMap>)> {
        let namespace = ["a", "b"][index];
        let objects = names.iter().map(|name| Event::InitApply(object(namespace, name)));
        let events = [Event::Init].into_iter().chain(objects).chain([Event::InitDone]);
        events.map(|event| (index, event)).collect()
    }

    #[tokio::test]
    async fn the_first_lists_pass_after_all_are_complete() {
        let early = vec![(0, Event::Apply(object("a", "new"))), (0, Event::Delete(object("a", "old")))];
        let first = [list(0, &["old", "kept"]), early].concat();
        assert_eq!(merge(first.clone()).await, (vec![], vec![]));
        let (kinds, held) = merge([first, list(1, &["other"])].concat()).await;
        assert_eq!(kinds, ["init", "listed", "listed", "listed", "complete"]);
        assert_eq!(held, ["a/kept", "a/new", "b/other"]);
    }

    #[tokio::test]
    async fn a_repeated_first_list_replaces_the_earlier_list() {
        let (_, held) = merge([list(0, &["old"]), list(0, &["new"]), list(1, &[])].concat()).await;
        assert_eq!(held, ["a/new"]);
        let unfinished = vec![(0, Event::Init)];
        let (kinds, _) = merge([list(0, &["old"]), unfinished, list(1, &[])].concat()).await;
        assert_eq!(kinds, [""; 0]);
    }

    #[tokio::test]
    async fn a_later_list_keeps_objects_of_other_namespaces() {
        let start = [list(0, &["gone", "kept"]), list(1, &["gone", "kept"])].concat();
        let (kinds, held) = merge([start, list(0, &["kept", "new"])].concat()).await;
        assert_eq!(kinds[6..], ["delete", "apply", "apply"]);
        assert_eq!(held, ["a/kept", "a/new", "b/gone", "b/kept"]);
    }

    #[tokio::test]
    async fn changes_pass_after_the_first_lists() {
        let start = [list(0, &["one"]), list(1, &["two"])].concat();
        let changes = vec![(1, Event::Apply(object("b", "three"))), (0, Event::Delete(object("a", "one")))];
        let (kinds, held) = merge([start, changes].concat()).await;
        assert_eq!(kinds[4..], ["apply", "delete"]);
        assert_eq!(held, ["b/three", "b/two"]);
    }
}
