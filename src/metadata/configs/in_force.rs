//! Which value of a config holds: what was set on the topic, on the node, on every node, in the
//! configuration file, or nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::Overrides;
use crate::metadata::configs::BrokerDef;
use crate::metadata::configs::ConfigType;
use crate::metadata::configs::TOPIC_DEFS;
use crate::metadata::configs::TopicConfig;
use crate::metadata::configs::TopicDef;
use crate::metadata::configs::TopicKey;
use crate::metadata::configs::Value;

/// Where a value comes from, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    Group,
    Topic,
    /// Set on this node while it ran.
    Node,
    /// Set on every node while they ran.
    Cluster,
    /// The configuration file, a flag or a variable.
    Static,
    Default,
}

/// What one setting of the node's own configuration says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// `None`: nothing.
    pub value: Option<String>,
    /// Somebody set it; else it is the default.
    pub explicit: bool,
    pub doc: &'static str,
}

/// The node's own configuration by name, checked. Fixed while the process runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Refuses values that a broker config of that name must not have, in Kafka's words.
    pub fn new(
        settings: impl IntoIterator<Item = (&'static str, Setting)>,
    ) -> Result<Self, String> {
        let settings: BTreeMap<_, _> = settings.into_iter().collect();
        for (name, setting) in &settings {
            if let (Some(def), Some(value)) = (BrokerDef::of(name), &setting.value) {
                def.parse(value)?;
            }
        }
        Ok(Self(settings))
    }
}

/// One layer's value of one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    pub name: String,
    pub value: String,
    pub source: Source,
}

/// A config as clients are shown it.
#[derive(Clone, PartialEq, Debug)]
pub struct Described {
    pub name: String,
    pub value: Option<String>,
    pub source: Source,
    /// `None`: Kafka has no such config, so that its type has no name.
    pub kind: Option<ConfigType>,
    pub read_only: bool,
    /// Every layer that has a value, strongest first.
    pub layers: Vec<Layer>,
    pub doc: &'static str,
}

/// All layers but the topic's, and what they come to for every topic config.
#[derive(Clone, PartialEq, Debug)]
pub struct InForce {
    settings: Arc<Settings>,
    node: Option<Arc<Overrides>>,
    cluster: Option<Arc<Overrides>>,
    /// By key: what holds for topics that do not say.
    inherited: Vec<Value>,
    /// Every topic config as a topic without any of its own has it. Internal ones are left out.
    described: Arc<[Described]>,
}

impl Default for InForce {
    fn default() -> Self {
        Self::new(Arc::default(), None, None)
    }
}

impl InForce {
    /// `settings`: the node's own configuration; `node` and `cluster`: what was set on this node,
    /// and on every node, while they ran.
    pub fn new(
        settings: Arc<Settings>,
        node: Option<Arc<Overrides>>,
        cluster: Option<Arc<Overrides>>,
    ) -> Self {
        let (inherited, described) = (Vec::new(), Arc::from([]));
        let mut in_force = Self { settings, node, cluster, inherited, described };
        in_force.inherited = TOPIC_DEFS.iter().map(|def| in_force.inherit(def)).collect();
        let shown = TOPIC_DEFS.iter().filter(|def| !def.internal);
        in_force.described = shown.map(|def| in_force.describe_topic_config(def)).collect();
        in_force
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The value of a broker config.
    pub fn value(&self, name: &str) -> Value {
        let Some(def) = BrokerDef::of(name) else { return Value::Null };
        let text = self.layers(name, &[name]).into_iter().next().map(|layer| layer.value);
        text.and_then(|text| def.parse(&text).ok()).unwrap_or(Value::Null)
    }

    /// The configs of a topic on which `overrides` are set.
    pub fn topic_config(&self, overrides: Option<&Overrides>) -> TopicConfig {
        TopicConfig::resolve(|key| self.topic_value(key, overrides))
    }

    /// What holds for a topic on which `overrides` are set.
    pub fn topic_value(&self, key: TopicKey, overrides: Option<&Overrides>) -> Value {
        let def = key.def();
        let own = overrides.and_then(|overrides| overrides.get(def.name));
        let own = own.and_then(|text| def.parse(text).ok());
        own.unwrap_or_else(|| self.inherited[key as usize].clone())
    }

    fn inherit(&self, def: &TopicDef) -> Value {
        let names: Vec<&str> = def.synonyms.iter().map(|synonym| synonym.name).collect();
        for layer in self.all_layers(&names) {
            let Some(synonym) = def.synonyms.iter().find(|synonym| synonym.name == layer.name)
            else {
                continue;
            };
            let value = BrokerDef::of(synonym.name).and_then(|own| own.parse(&layer.value).ok());
            match value {
                Some(Value::Number(number)) if synonym.factor != 1 => {
                    return Value::Number(number.saturating_mul(synonym.factor));
                }
                Some(value) => return value,
                None => {}
            }
        }
        def.default.and_then(|text| def.parse(text).ok()).unwrap_or(Value::Null)
    }

    fn describe_topic_config(&self, def: &TopicDef) -> Described {
        let names: Vec<&str> = def.synonyms.iter().map(|synonym| synonym.name).collect();
        let layers = names.first().map_or_else(Vec::new, |first| self.layers(first, &names));
        Described {
            name: def.name.to_owned(),
            value: self.inherited[def.key as usize].shown(),
            source: layers.first().map_or(Source::Default, |layer| layer.source),
            kind: Some(def.kind),
            read_only: false,
            layers,
            doc: def.doc,
        }
    }

    /// Every topic config as a topic with `overrides` has it, by name. Shared by all topics that
    /// have none.
    pub fn describe_topic(&self, overrides: Option<&Overrides>) -> Arc<[Described]> {
        let Some(overrides) = overrides.filter(|overrides| !overrides.is_empty()) else {
            return self.described.clone();
        };
        let set = |def: &&TopicDef| !def.internal || overrides.contains_key(def.name);
        let defs = TOPIC_DEFS.iter().filter(set);
        defs.map(|def| {
            let mut described = self.describe_topic_config(def);
            if overrides.contains_key(def.name) {
                described.value = self.topic_value(def.key, Some(overrides)).shown();
                described.source = Source::Topic;
                let value = described.value.clone().unwrap_or_default();
                let own = Layer { name: def.name.to_owned(), value, source: Source::Topic };
                described.layers.insert(0, own);
            }
            described
        })
        .collect()
    }

    /// The node's configs: those that Kafka has too, and its own settings.
    pub fn describe_node(&self, wanted: impl Fn(&str) -> bool) -> Vec<Described> {
        let mut defs: BTreeMap<&str, Option<BrokerDef>> =
            self.settings.0.keys().map(|name| (*name, None)).collect();
        defs.extend(BrokerDef::all().map(|def| (def.name, Some(def))));
        let defs = defs.into_iter().filter(|(name, _)| wanted(name));
        defs.map(|(name, def)| self.describe_broker_config(name, def)).collect()
    }

    fn describe_broker_config(&self, name: &str, def: Option<BrokerDef>) -> Described {
        let layers = self.layers(name, &BrokerDef::synonyms(name));
        let text = layers.first().filter(|layer| layer.name == name).map(|layer| &layer.value);
        let value = match (def, text) {
            (Some(def), Some(text)) => def.parse(text).ok().and_then(|value| value.shown()),
            (_, text) => text.cloned(),
        };
        let doc = self.settings.0.get(name).map_or("", |setting| setting.doc);
        Described {
            name: name.to_owned(),
            value,
            source: layers.first().map_or(Source::Default, |layer| layer.source),
            kind: def.map(|def| def.kind),
            read_only: !def.is_some_and(|def| def.dynamic),
            layers,
            doc: def.map_or(doc, |def| def.doc),
        }
    }

    /// What was set on every node while they ran.
    pub fn describe_cluster(&self, wanted: impl Fn(&str) -> bool) -> Vec<Described> {
        let set = self.cluster.iter().flat_map(|overrides| overrides.iter());
        let set = set.filter(|(name, _)| wanted(name));
        set.map(|(name, _)| {
            let mut described = self.describe_broker_config(name, BrokerDef::of(name));
            described.layers.retain(|layer| layer.source == Source::Cluster);
            described.value = described.layers.first().map(|layer| layer.value.clone());
            described.source = Source::Cluster;
            described
        })
        .collect()
    }

    /// The layers of `names`, from the first that is `name` on: as Kafka lists synonyms.
    pub(super) fn layers(&self, name: &str, names: &[&str]) -> Vec<Layer> {
        let all = self.all_layers(names);
        all.into_iter().skip_while(|layer| layer.name != name).collect()
    }

    fn all_layers(&self, names: &[&str]) -> Vec<Layer> {
        let mut layers = Vec::new();
        for (source, set) in [(Source::Node, &self.node), (Source::Cluster, &self.cluster)] {
            for name in names {
                if let Some(value) = set.as_ref().and_then(|set| set.get(*name)) {
                    let (name, value) = ((*name).to_owned(), value.to_string());
                    layers.push(Layer { name, value, source });
                }
            }
        }
        let setting = |name: &str| self.settings.0.get(name);
        for name in names {
            if let Some(Setting { value: Some(value), explicit: true, .. }) = setting(name) {
                let (name, value) = ((*name).to_owned(), value.clone());
                layers.push(Layer { name, value, source: Source::Static });
            }
        }
        for name in names {
            let kept = setting(name).filter(|setting| !setting.explicit);
            let value = kept.and_then(|setting| setting.value.as_deref());
            let value = value.or_else(|| BrokerDef::of(name).and_then(|def| def.default));
            if let Some(value) = value {
                let (name, value) = ((*name).to_owned(), value.to_owned());
                layers.push(Layer { name, value, source: Source::Default });
            }
        }
        layers
    }
}
