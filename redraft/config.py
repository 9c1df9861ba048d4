"""`rd.config`: settings that must be made before TensorFlow is used."""

from redraft.runtime.devices import set_cpu_devices

__all__ = ["set_cpu_devices"]
