"""Long work of the page: experiments that run as the command runs them, each in a folder of its own."""
