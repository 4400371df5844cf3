"""The entry point by which lmms-eval finds the model `talo`: `--model talo`."""

MODEL = f"{__package__}.lmms_model.Talo"


def manifest():
    """What lmms-eval registers; it calls this, so that it is there to be imported."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id="talo", chat_class_path=MODEL)
