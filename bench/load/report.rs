//! What was measured, as a table and as JSON.

use crate::plan::Plan;
use crate::process::Usage;
use crate::verify::Verifier;
use hdrhistogram::Histogram;
use std::fmt::Write;

/// Latencies beyond a minute are counted as a minute.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
const QUANTILES: [(&str, f64); 4] =
    [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// Nanoseconds, with three digits.
pub(crate) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_MAX_NS, 3).expect("a range that it can hold")
}

/// Gathers figures of the measured time; what was meant for the warm-up is left out.
pub(crate) struct Meter {
    from_ns: u64,
    to_ns: u64,
    /// From the moment a request was meant to be sent to its answer.
    acknowledged: Histogram<u64>,
    /// From there to the moment a consumer has it.
    end_to_end: Histogram<u64>,
    requests: u64,
    batches: u64,
    read_bytes: u64,
    pub(crate) read_bytes_all: u64,
    /// Bytes that were read after producing, and nanoseconds that it took.
    pub(crate) read_back: (u64, u64),
    pub(crate) usage: Usage,
}

impl Meter {
    pub(crate) fn new(warmup_ns: u64, measured_ns: u64) -> Self {
        Self {
            from_ns: warmup_ns,
            to_ns: warmup_ns + measured_ns,
            acknowledged: latency_histogram(),
            end_to_end: latency_histogram(),
            requests: 0,
            batches: 0,
            read_bytes: 0,
            read_bytes_all: 0,
            read_back: (0, 0),
            usage: Usage::default(),
        }
    }

    fn is_measured(&self, at_ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&at_ns)
    }

    /// An answer came. Throughput counts what was answered within the measured time, latency what
    /// was meant for it.
    pub(crate) fn acknowledged(&mut self, intended_ns: u64, now_ns: u64, batches: u64) {
        if self.is_measured(intended_ns) {
            self.acknowledged.saturating_record(now_ns.saturating_sub(intended_ns));
        }
        if self.is_measured(now_ns) {
            self.requests += 1;
            self.batches += batches;
        }
    }

    /// A consumer has a batch.
    pub(crate) fn seen(&mut self, intended_ns: u64, now_ns: u64) {
        if self.is_measured(intended_ns) {
            self.end_to_end.saturating_record(now_ns.saturating_sub(intended_ns));
        }
    }

    /// A fetch was answered.
    pub(crate) fn read(&mut self, bytes: u64, now_ns: u64) {
        self.read_bytes_all += bytes;
        if self.is_measured(now_ns) {
            self.read_bytes += bytes;
        }
    }
}

/// The outcome of a run.
pub(crate) struct Report {
    plan: Plan,
    meter: Meter,
    verifier: Verifier,
}

impl Report {
    pub(crate) fn new(plan: &Plan, meter: Meter, verifier: Verifier) -> Self {
        Self { plan: plan.clone(), meter, verifier }
    }

    /// Whether everything that was read is what was sent.
    pub(crate) fn is_sound(&self) -> bool {
        self.verifier.faults().is_empty()
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    fn records_per_second(&self) -> f64 {
        (self.meter.batches * u64::from(self.plan.records)) as f64 / self.plan.seconds
    }

    /// Values only, as Kafka's own tools count.
    fn value_bytes_per_second(&self) -> f64 {
        self.records_per_second() * self.plan.record_bytes as f64
    }

    fn requests_per_second(&self) -> f64 {
        self.meter.requests as f64 / self.plan.seconds
    }

    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        let plan = &self.plan;
        let pace = match plan.rate {
            Some(rate) => format!("open loop, {rate} requests/s"),
            None => format!("closed loop, {} deep", plan.depth),
        };
        let shape = format!("{} x {} B", plan.records, plan.record_bytes);
        let mut line = |name: &str, value: String| {
            writeln!(out, "{name:<22} {value}").expect("memory takes every byte");
        };
        line(
            "load",
            format!("{} connections, {pace}, {shape}, acks {}", plan.connections, plan.acks),
        );
        line(
            "produced",
            format!(
                "{:.1} MB/s, {:.0} records/s, {:.0} requests/s",
                self.value_bytes_per_second() / 1e6,
                self.records_per_second(),
                self.requests_per_second()
            ),
        );
        line("acknowledged after", latencies(&self.meter.acknowledged));
        if !plan.produce_only {
            line("read after", latencies(&self.meter.end_to_end));
            let read = self.meter.read_bytes as f64 / plan.seconds / 1e6;
            line("read", format!("{read:.1} MB/s while producing"));
            let (bytes, nanos) = self.meter.read_back;
            if plan.read_back && nanos > 0 {
                let rate = bytes as f64 / nanos as f64 * 1e3;
                line("read back", format!("{rate:.1} MB/s, {bytes} bytes"));
            }
            line("verified", self.verdict());
        }
        if let Some(cpu) = self.meter.usage.broker_cpu_s {
            let resident = self.meter.usage.broker_resident_bytes.unwrap_or(0) >> 20;
            let share = 100.0 * cpu / plan.seconds;
            line("broker", format!("{share:.0} % of a core, {resident} MiB resident"));
        }
        let share = 100.0 * self.meter.usage.own_cpu_s / plan.seconds;
        line("generator", format!("{share:.0} % of a core"));
        out
    }

    fn verdict(&self) -> String {
        let Verifier { batches, records, .. } = &self.verifier;
        let read = format!("{batches} batches, {records} records");
        match self.verifier.first_fault() {
            None => format!("{read}: nothing missing, nothing twice, in order, as sent"),
            Some(first) => {
                let faults: Vec<String> = self
                    .verifier
                    .faults()
                    .iter()
                    .map(|(fault, count)| format!("{count} x {fault}"))
                    .collect();
                format!("{read}: {}; first: {first}", faults.join(", "))
            }
        }
    }

    /// One object; all latencies in microseconds.
    pub(crate) fn json(&self) -> String {
        let plan = &self.plan;
        let mut fields = vec![
            ("connections", plan.connections.to_string()),
            ("depth", plan.depth.to_string()),
            ("records", plan.records.to_string()),
            ("record_bytes", plan.record_bytes.to_string()),
            ("batches", plan.batches.to_string()),
            ("acks", plan.acks.to_string()),
            ("rate", or_null(plan.rate)),
            ("seconds", plan.seconds.to_string()),
            ("value_bytes_per_second", format!("{:.0}", self.value_bytes_per_second())),
            ("records_per_second", format!("{:.0}", self.records_per_second())),
            ("requests_per_second", format!("{:.0}", self.requests_per_second())),
            ("acknowledged_us", latencies_json(&self.meter.acknowledged)),
            ("end_to_end_us", latencies_json(&self.meter.end_to_end)),
            (
                "read_bytes_per_second",
                format!("{:.0}", self.meter.read_bytes as f64 / plan.seconds),
            ),
            ("read_back_bytes", self.meter.read_back.0.to_string()),
            ("read_back_ns", self.meter.read_back.1.to_string()),
            ("verified_records", self.verifier.records.to_string()),
            ("generator_cpu_s", format!("{:.3}", self.meter.usage.own_cpu_s)),
            ("broker_cpu_s", or_null(self.meter.usage.broker_cpu_s)),
            ("broker_resident_bytes", or_null(self.meter.usage.broker_resident_bytes)),
        ];
        let faults = self.verifier.faults().iter();
        let faults: Vec<String> =
            faults.map(|(fault, count)| format!("\"{fault}\": {count}")).collect();
        fields.push(("faults", format!("{{{}}}", faults.join(", "))));
        let fields: Vec<String> =
            fields.into_iter().map(|(name, value)| format!("  \"{name}\": {value}")).collect();
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }
}

pub(crate) fn or_null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

pub(crate) fn latencies(histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return "nothing in the measured time".to_owned();
    }
    let mut out = String::new();
    for (name, quantile) in QUANTILES {
        let millis = histogram.value_at_quantile(quantile) as f64 / 1e6;
        write!(out, "{name} {millis:.3}, ").expect("memory takes every byte");
    }
    format!("{out}max {:.3} ms ({} samples)", histogram.max() as f64 / 1e6, histogram.len())
}

pub(crate) fn latencies_json(histogram: &Histogram<u64>) -> String {
    let mut fields = Vec::new();
    for (name, quantile) in QUANTILES {
        let micros = histogram.value_at_quantile(quantile) as f64 / 1e3;
        fields.push(format!("\"{name}\": {micros:.1}"));
    }
    fields.push(format!("\"max\": {:.1}", histogram.max() as f64 / 1e3));
    fields.push(format!("\"samples\": {}", histogram.len()));
    format!("{{{}}}", fields.join(", "))
}
