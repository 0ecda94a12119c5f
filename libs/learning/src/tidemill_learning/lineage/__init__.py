"""What a version must remember so that it can be made again: the words of its model file, the code, the environment."""
