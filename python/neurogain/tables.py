"""Results as pandas tables. Each function takes a `Run`, or a `Sweep`, for which the tables of its cells are
concatenated; their first columns are the cell's number and its values of the settings in the grid."""

import json

import pandas

from .runs import FileError, Run, Sweep

# The option that reads the numbers that were written, to the last bit: the default since pandas 3.1.
_VERSION = tuple(int(number) for number in pandas.__version__.split(".")[:2])
ROUND_TRIP = {} if _VERSION >= (3, 1) else {"float_precision": "round_trip"}

NAN = float("nan")
# The columns before the measures.
HEAD = ("method", "label", "seed", "status")


def summary(of: Run | Sweep) -> pandas.DataFrame:
    """One row per method and measure: `count` complete seeds, `diverged` seeds, and over the complete ones `mean`,
    `standard_deviation` and `standard_error`. The mean of no seed is NaN, and so is the deviation of fewer than two.

    Comodulation: one row per method, `epochs` of pretraining, `labelled_samples` (missing: all) and measure.
    """
    return _of_cells(of, _summary)


def differences(of: Run | Sweep) -> pandas.DataFrame:
    """One row per pair of methods and measure: the mean over seeds of the paired difference, `method` minus `other`,
    and its 95 % bootstrap interval from `low` to `high`, which is missing with fewer than three seeds."""
    return _of_cells(of, _differences)


def measures(of: Run | Sweep) -> pandas.DataFrame:
    """One row per method and seed of the settings, with a column for each measure; the mean over the rows of a method is
    the mean in `summary`. `status` is `complete` for a run that is counted there, or `diverged`, `interrupted` or
    `not begun`. A measure that a run does not have is NaN.

    Comodulation: one row per method, epochs, labelled samples, seed and task. `samples` are the task's test samples. A run
    that is not complete has one row, without a task.
    """
    return _of_cells(of, _measures)


def records(of: Run | Sweep, jobs=None) -> pandas.DataFrame:
    """The records of all jobs, or of those that `jobs` names: one row per job and step, with the columns of
    `runs/*.csv`. A number that a step does not have, such as the accuracy between evaluations, is NaN."""
    return _of_cells(of, lambda run: _records(run, jobs))


def _of_cells(of, table):
    if isinstance(of, Run):
        return table(of)
    tables = []
    for cell in of.cells:
        if cell.run is None:
            continue
        found = table(cell.run)
        for place, (setting, value) in enumerate(cell.settings.items()):
            # Some sweeps vary a table or a list.
            plain = json.dumps(value) if isinstance(value, (dict, list)) else value
            found.insert(place, setting, plain)
        found.insert(0, "cell", cell.number)
        tables.append(found)
    return pandas.concat(tables, ignore_index=True) if tables else pandas.DataFrame()


def _summary(run):
    # A method without a complete seed has the measures of the others, or else all.
    entries = run.summary["methods"]
    names = dict.fromkeys(name for entry in entries for name in entry["measures"]) or run.summary["measures"]
    missing = {"count": 0, "mean": NAN, "standard_deviation": NAN, "standard_error": NAN}
    rows = []
    for entry in entries:
        measured = entry["measures"] if entry["seeds"] else dict.fromkeys(names, missing)
        for measure, found in measured.items():
            row = _head(run, entry) | {"measure": measure, "count": found["count"], "diverged": len(entry["diverged"])}
            # In the file, the deviation of one seed is 0.
            numbers = found if found["count"] > 1 else found | {"standard_deviation": NAN, "standard_error": NAN}
            rows.append(row | numbers)
    return _with_counts(pandas.DataFrame(rows))


def _head(run, entry):
    return {"method": entry["method"], "label": entry["label"]} | _condition(run, entry)


def _condition(run, entry):
    """What a method of comodulation starts from."""
    if run.system != "comodulation":
        return {}
    return {"epochs": entry["epochs"], "labelled_samples": entry.get("samples")}


def _differences(run):
    labels = {method["name"]: method["label"] for method in run.config["methods"]}
    names = {label: name for name, label in labels.items()}
    rows = []
    for entry in run.summary["differences"]:
        # The summaries of comodulation have the names of the methods, those of plasticity the labels.
        pair = {}
        for name, label in (("method", "label"), ("other", "other_label")):
            pair[name] = entry[name] if name in entry else names[entry[label]]
            pair[label] = labels[pair[name]]
        for measure, found in entry["measures"].items():
            low, high = found["interval"] or (NAN, NAN)
            numbers = {"count": found["count"], "mean": found["mean"], "low": low, "high": high}
            rows.append(pair | _condition(run, entry) | {"measure": measure} | numbers)
    conditions = ["epochs", "labelled_samples"] if run.system == "comodulation" else []
    columns = ["method", "label", "other", "other_label", *conditions, "measure", "count", "mean", "low", "high"]
    return _with_counts(pandas.DataFrame(rows, columns=columns))


def _with_counts(table):
    """The number of labelled samples as a whole number that can be missing."""
    if "labelled_samples" in table:
        table["labelled_samples"] = table["labelled_samples"].astype("Int64")
    return table


def _rows(run):
    """The head of the row of each method and seed of the settings."""
    begun = {(job.method, job.epochs, job.labelled_samples, job.seed) for job in run.jobs.values()}
    for entry in run.summary["methods"]:
        for seed in run.config["training"]["seeds"]:
            if seed in entry["seeds"]:
                status = "complete"
            elif seed in entry["diverged"]:
                status = "diverged"
            elif (entry["method"], entry.get("epochs"), entry.get("samples"), seed) in begun:
                status = "interrupted"
            else:
                status = "not begun"
            yield _head(run, entry) | {"seed": seed, "status": status}


def _measures(run):
    if run.system == "comodulation":
        return _measures_of_tasks(run)
    found = {(entry["method"], entry["seed"]): entry.get("measures") or {} for entry in run.summary["runs"]}
    rows = [row | found.get((row["method"], row["seed"]), {}) for row in _rows(run)]
    # A run without a complete job has no values, but the same columns.
    names = run.summary["measures"]
    return pandas.DataFrame(rows, columns=[*HEAD, *names]).astype(dict.fromkeys(names, float))


def _measures_of_tasks(run):
    rows, found = _with_counts(pandas.DataFrame(list(_rows(run)))), _with_counts(_read_csv(run.path / "measures.csv"))
    keys = ["method", "epochs", "labelled_samples", "seed"]
    # A file without rows has columns without types.
    table = rows.merge(found.astype(rows.dtypes[keys]), "left", on=keys)
    return table.astype({"samples": "Int64"} | dict.fromkeys(run.summary["measures"], float))


def _records(run, jobs):
    tables = []
    for name in run.jobs if jobs is None else jobs:
        job = find_job(run, name)
        table = _read_csv(run.path / "runs" / f"{name}.csv")
        head = {"job": name, "method": job.method, "seed": job.seed}
        if run.system == "comodulation":
            head |= {"epochs": job.epochs, "labelled_samples": job.labelled_samples}
        if run.system == "plasticity":
            head["part"] = job.part or "stream"
        for place, (column, value) in enumerate(head.items()):
            table.insert(place, column, value)
        tables.append(table)
    return _with_counts(pandas.concat(tables, ignore_index=True)) if tables else pandas.DataFrame()


def find_job(run, name):
    """The job called `name`."""
    if name not in run.jobs:
        raise FileError(run.path, f"it has no job {name!r}; its jobs are {', '.join(run.jobs)}")
    return run.jobs[name]


def _read_csv(path):
    try:
        return pandas.read_csv(path, **ROUND_TRIP)
    except OSError as error:
        raise FileError(path, error.strerror) from error
    except ValueError as error:
        raise FileError(path, f"is not CSV: {error}") from error
