"""The pages of the app; `app.navigation` lists them."""
