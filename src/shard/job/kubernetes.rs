//! An Indexed Job of Kubernetes, with the scenario beside it. Every shard runs once: a pod that fails is not replaced, and costs the
//! others nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::Job;
use crate::units::printable_lines;

/// What a cluster must be told beside the job.
#[derive(Debug, Clone)]
pub struct Cluster<'a> {
    /// The image of telemload.
    pub image: &'a str,
    /// The claim of a volume that all pods can write, where results go.
    pub claim: &'a str,
    /// When the first load begins.
    pub starts_at: Timestamp,
    /// How long that is from now on.
    pub until_start: Duration,
}

/// A string of YAML in ASCII: JSON's are strings of YAML 1.2, but for the characters beyond 16 bits, which have an escape of their own.
fn string(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let escaped = json.chars().map(|c| match c {
        ' '..='~' => c.to_string(),
        '\0'..='\u{ffff}' => format!("\\u{:04x}", c as u32),
        _ => format!("\\U{:08x}", c as u32),
    });
    escaped.collect()
}

/// The text as a value of a key that is indented by two: line by line where that says the same.
fn block(text: &str) -> String {
    // What a terminal would take for an order, or not show, is not in a block.
    let is_plain = printable_lines(text) == text && !text.contains(['\t', '\r', '\u{a0}']);
    if !is_plain || !text.ends_with('\n') || text.ends_with("\n\n") {
        return string(text);
    }
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("    {line}"),
    });
    format!("|2\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// The manifest.
pub fn kubernetes(job: &Job<'_>, cluster: &Cluster<'_>) -> String {
    let name = job.label();
    let (shards, key) = (job.shards, string(&name));
    format!(
        r#"{before}# Afterwards, with the files of the volume at hand: telemload merge RESULTS/shard-* -o RUN
apiVersion: v1
kind: ConfigMap
metadata:
  name: {key}
data:
  scenario.toml: {scenario}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {key}
spec:
  completions: {shards}
  parallelism: {shards}
  completionMode: Indexed
  backoffLimitPerIndex: 0
  maxFailedIndexes: {shards}
  podReplacementPolicy: Failed
  activeDeadlineSeconds: {deadline}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: telemload
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        fsGroup: 1000
        seccompProfile:
          type: RuntimeDefault
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: telemload
      containers:
{container}      volumes:
        - name: scenario
          configMap:
            name: {key}
        - name: results
          persistentVolumeClaim:
            claimName: {claim}
"#,
        before = before(job, &name),
        scenario = block(job.text),
        deadline = job.seconds(cluster.until_start),
        container = container(job, cluster, &name),
        claim = string(cluster.claim),
    )
}

/// How to make the secret that the job needs, as comments; empty without one.
fn before(job: &Job<'_>, name: &str) -> String {
    let variables = job.variables();
    if variables.is_empty() {
        return String::new();
    }
    let variables = variables.into_iter();
    let literals: String = variables
        .map(|variable| format!(" --from-literal={variable}=\"${variable}\""))
        .collect();
    format!(
        "# The scenario takes values from the environment. Before the job:\n#   kubectl create secret generic {name}-env{literals}\n"
    )
}

/// The container of a pod, as an entry of the list.
fn container(job: &Job<'_>, cluster: &Cluster<'_>, name: &str) -> String {
    let out = format!("/results/{name}-{}", cluster.starts_at.as_second());
    let mut args = ["run", "/scenario/scenario.toml", "--shard", "auto"]
        .map(str::to_owned)
        .to_vec();
    if let Some(workers) = job.workers {
        args.extend(["--shard-workers".to_owned(), workers.to_string()]);
    }
    let start = cluster.starts_at.to_string();
    args.extend(["--start-at".to_owned(), start, "--out".to_owned(), out]);
    let args = args
        .iter()
        .map(|arg| format!("            - {}\n", string(arg)));
    let secrets = job.variables().into_iter().map(|variable| {
        let (secret, variable) = (string(&format!("{name}-env")), string(variable));
        format!(
            "            - name: {variable}\n              valueFrom:\n                secretKeyRef:\n                  name: {secret}\n                  key: {variable}\n"
        )
    });
    format!(
        r#"        - name: telemload
          image: {image}
          args:
{args}          env:
            - name: TELEMLOAD_SHARDS
              value: "{shards}"
{secrets}          resources:
            requests:
              cpu: "{cpus}"
              memory: 512Mi
            limits:
              cpu: "{cpus}"
              memory: 512Mi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop:
                - ALL
          volumeMounts:
            - name: scenario
              mountPath: /scenario
              readOnly: true
            - name: results
              mountPath: /results
"#,
        image = string(cluster.image),
        args = args.collect::<String>(),
        shards = job.shards,
        secrets = secrets.collect::<String>(),
        // Beside the workers something reads, writes and waits.
        cpus = job.most_workers + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_a_string_whatever_it_holds() {
        for (text, expected) in [
            ("a", "\"a\""),
            ("a\"\n - b: c", "\"a\\\"\\n - b: c\""),
            (
                "x\u{85}y\u{2028}\u{1f600}",
                "\"x\\u0085y\\u2028\\U0001f600\"",
            ),
            ("no", "\"no\""),
        ] {
            assert_eq!(string(text), expected);
        }
        assert_eq!(block("a = 1\n\n  b = 2\n"), "|2\n    a = 1\n\n      b = 2");
        for text in [
            "a = 1",
            "a\r\n",
            "a\tb\n",
            "a\n\n",
            "\u{85}\n",
            "\u{202e}\n",
            "",
        ] {
            assert_eq!(block(text), string(text));
        }
    }
}
