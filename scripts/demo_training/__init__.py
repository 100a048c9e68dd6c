"""What `train_demo_model.py` is made of: world, texts, model, losses, evaluation."""
