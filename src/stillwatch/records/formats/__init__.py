"""The file formats that tables come in, each read as a stream in bounded memory."""
