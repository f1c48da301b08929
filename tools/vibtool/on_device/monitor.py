"""What the sensor sees now, window by window, without telling anybody else."""

import asyncio
import json


def run(path, windows):
    """Say each window of the sensor that the file `path` configures: `windows` of them, or until Ctrl-C for 0."""
    import vib
    from vibnode import config, drivers, main, sampler

    device = config.load(path)
    model = main.model_in_use(device)
    core_config = model.config()
    driver = drivers.open_sensor(device["sensor"], core_config)
    taking = sampler.Sampler(driver, vib.Core(core_config), core_config)
    view = View(device, model, taking.names, windows)
    try:
        asyncio.run(taking.run(view.window, view.fault))
    except KeyboardInterrupt:
        pass


class View:
    """Turns features to what a person reads."""

    def __init__(self, device, model, names, windows):
        from vibnode.detector import FeatureLayout

        self._model = model
        self._meta = model.meta()
        self._layout = FeatureLayout(names)
        self._usual = self._baseline(device, len(names))
        self._left = windows
        hop_ms = model.config()["hop"] * 1000000 // model.config()["rate_millihz"]
        head = {"warning": self._meta["warning"], "alarm": self._meta["alarm"], "model": self._meta["name"]}
        head.update({"machine": device["machine"], "baseline": self._usual is not None, "hop_ms": hop_ms})
        print(json.dumps(head))

    def window(self, features):
        """A good window. Returns True after the last one."""
        from vibnode.detector import largest
        from vibnode.messages import from_log2

        classes = self._meta["classes"]
        score = self._model.score(features, self._usual)
        loud = score >= self._meta["warning"]
        k = self._model.classify(features, self._usual) if classes and loud else 0
        rms = largest(features, self._layout.rms)
        said = {"score": score, "class": None if not classes or (loud and k == 0) else classes[k]}
        said["rms_mm_s2"] = from_log2(rms) // 1000
        said["velocity_um_s"] = from_log2(largest(features, self._layout.velocity)) // 1000
        said["off"] = rms < self._meta["off_rms"]
        print(json.dumps(said))
        self._left -= 1
        return self._left == 0

    def fault(self, fault):
        """The instrument is at fault."""
        print(json.dumps({"fault": fault}))

    def _baseline(self, device, n_features):
        from vibnode import baseline

        try:
            found = baseline.load(device["data_dir"] + "/baseline.bin", self._model.config(), n_features)
        except (OSError, baseline.BaselineError):
            return None
        return found and found.median
