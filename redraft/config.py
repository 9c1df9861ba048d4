"""`rd.config`: settings that must be made before TensorFlow is used."""

from redraft.runtime.devices import set_cpu_devices
from redraft.runtime.workers import set_worker_timeout

__all__ = ["set_cpu_devices", "set_worker_timeout"]
