"""Django settings, each read once from `ROOST_*`; secrets also from `<NAME>_FILE`, never with a default."""

import gc
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ

from web.languages import languages_found
from web.secrets import choice, months_setting, objects_options, proxies_setting, setting

# Let Django's generic classes take type parameters at run time.
django_stubs_ext.monkeypatch()

# Objects created by imports stay in use. Collecting garbage every 700 objects took a fifth of each process's start.
gc.set_threshold(20_000, 20, 20)

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = setting("ROOST_SECRET_KEY")
DEBUG = setting("ROOST_DEBUG", "0") == "1"
ALLOWED_HOSTS = setting("ROOST_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "fleet.core",
    "fleet.organizations",
    "fleet.stations",
    "fleet.deployments",
    "fleet.telemetry",
    "fleet.commands",
    "fleet.files",
    "fleet.alerts",
    "fleet.sync",
    "fleet.exports",
    "fleet.forward",
    "fleet.wiki",
    "fleet.status_pages",
    "fleet.holdings",
    "fleet.ingest",
    "rest_api",
    "sg_status",
    "web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "web.origin.OriginMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "web.zone.ZoneMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "web.security.ContentSecurityPolicyMiddleware",
    "rest_api.limits.RateLimitHeaders",
    "rest_api.conditional.Conditional",
    "rest_api.repeats.Repeats",
    "rest_api.fields.SparseFields",
]

ROOT_URLCONF = "web.urls"
ASGI_APPLICATION = "web.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.site",
            ],
        },
    },
]

DATABASES = {
    "default": environ.Env.db_url_config(setting("ROOST_DATABASE_URL"), engine="django.db.backends.postgresql")
}
DATABASES["default"]["CONN_MAX_AGE"] = int(setting("ROOST_DATABASE_CONN_MAX_AGE", "60"))
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["OPTIONS"] = {
    "options": f"-c statement_timeout={setting('ROOST_STATEMENT_TIMEOUT_MS', '15000')} -c lock_timeout=5000 "
    # JIT-compiling a plan over many partitions takes a second for a query that takes five milliseconds.
    "-c idle_in_transaction_session_timeout=30000 -c timezone=UTC -c jit=off",
    "connect_timeout": 5,
}

CACHES = {
    "default": {"BACKEND": "web.counters.CounterCache", "LOCATION": setting("ROOST_REDIS_URL")},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["web.accounts.backend.PasswordBackend"]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

#: People who can sign up: everyone (`open`), people with an open invitation (`invited`), nobody (`closed`).
ROOST_SIGNUP = choice("ROOST_SIGNUP", "open", ("open", "invited", "closed"))
ACCOUNT_ADAPTER = "web.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "web.accounts.forms.LoginForm",
    "signup": "web.accounts.forms.SignupForm",
    "change_password": "web.accounts.forms.ChangePasswordForm",
    "set_password": "web.accounts.forms.SetPasswordForm",
    "reset_password": "web.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "web.accounts.forms.ResetPasswordKeyForm",
    "reauthenticate": "web.accounts.forms.ReauthenticateForm",
    "add_email": "web.accounts.forms.AddEmailForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# The mail's link works once, so it gets a rate-limited person back in; a second factor is still required.
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_USERNAME_BLACKLIST = ["admin", "root", "roost", "system", "support", "postmaster"]
ACCOUNT_RATE_LIMITS = {
    # By source and by account. A browser that was logged in before has a separate limit: see web/accounts/brake.py.
    "login_failed": "10/m/ip,100/h/ip,10/5m/key,200/d/key",
    "login": "30/m/ip",
    "signup": "10/m/ip,60/h/ip",
    "reset_password": "10/m/ip,60/h/ip,3/15m/key",
    "confirm_email": "1/3m/key",
}
MFA_ADAPTER = "web.accounts.second_factor.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "web.accounts.forms.AuthenticateForm",
    "reauthenticate": "web.accounts.forms.ReauthenticateCodeForm",
    "activate_totp": "web.accounts.forms.ActivateAppForm",
    "add_webauthn": "web.accounts.passkeys.AddPasskeyForm",
    "edit_webauthn": "web.accounts.passkeys.EditPasskeyForm",
    "authenticate_webauthn": "web.accounts.passkeys.AuthenticatePasskeyForm",
    "login_webauthn": "web.accounts.passkeys.LoginPasskeyForm",
    "reauthenticate_webauthn": "web.accounts.passkeys.ReauthenticatePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = "Roost"

LANGUAGE_CODE = "en"
LANGUAGES = languages_found(BASE_DIR)
LOCALE_PATHS = [BASE_DIR / "web" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(setting("ROOST_STATIC_ROOT", str(BASE_DIR / "var" / "static")))
STATICFILES_DIRS = [BASE_DIR / "web" / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # Names are the SHA-256 of the content, so an overwritten file was identical or damaged.
        "OPTIONS": {"allow_overwrite": True, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = Path(setting("ROOST_FILES_ROOT", str(BASE_DIR / "var" / "files")))
#: The bucket where new stored files are kept; without one, they are kept below `MEDIA_ROOT`.
ROOST_S3_BUCKET = setting("ROOST_S3_BUCKET", "")
if ROOST_S3_BUCKET:
    STORAGES["objects"] = {
        "BACKEND": "fleet.files.store.objects.ObjectStorage",
        "OPTIONS": objects_options(ROOST_S3_BUCKET),
    }

SITE_URL = setting("ROOST_SITE_URL", "http://localhost:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = urlsplit(SITE_URL).scheme == "https"
# Without TLS there is no secure origin to compare with; the passkey itself still binds its signature to the host.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = urlsplit(SITE_URL).scheme == "http"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

EMAIL_BACKEND = "fleet.core.sending.mail.OutboxBackend"
#: Backend that passes mails to the mail server, in the background.
MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = setting("ROOST_SMTP_HOST", "localhost")
EMAIL_PORT = int(setting("ROOST_SMTP_PORT", "25"))
EMAIL_HOST_USER = setting("ROOST_SMTP_USER", "")
EMAIL_HOST_PASSWORD = setting("ROOST_SMTP_PASSWORD", "")
EMAIL_USE_TLS = setting("ROOST_SMTP_TLS", "0") == "1"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = setting("ROOST_MAIL_FROM", "Roost <roost@localhost>")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "rest_api.problems.problem_response",
    "DEFAULT_THROTTLE_CLASSES": ["rest_api.limits.AskerThrottle"],
    "DEFAULT_THROTTLE_RATES": {"enrolment": setting("ROOST_ENROLMENT_RATE", "20/min")},
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    # `Door` has already put the caller's own address into the request: see ROOST_PROXIES.
    "NUM_PROXIES": 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Roost API",
    "VERSION": "1",
    "DESCRIPTION": "Stations, their data and their commands. Keys go in `Authorization: Bearer <key>`.",
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rest_api.openapi.operations_complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "DetectionKind": "rest_api.v1.detections.KINDS",
        "Suspicion": "rest_api.questions.SUSPICIONS",
        "ModelKind": "fleet.stations.models.StationModel.Kind",
        "KeyState": "fleet.organizations.keys.STATES",
        "StationState": "fleet.stations.selectors.SHOWN_STATES",
        "InvitationState": "fleet.organizations.invitations.STATES",
        "FetchMode": "fleet.holdings.models.FetchPolicy.Mode",
        "HeldState": "fleet.holdings.selectors.STATE_NAMES",
        "CommandState": "fleet.commands.models.Command.State",
        "QuarantineState": "fleet.ingest.models.QuarantinedMessage.State",
        "ForwarderPhase": "fleet.forward.selectors.STATES",
        "ScopeEnum": "rest_api.v1.alert_rules.SCOPES",
        "MaintenanceScope": "fleet.alerts.maintenance.services.SCOPES",
        "BackfillState": "fleet.ingest.models.Backfill.State",
    },
}

# Roost's own settings.
#: Addresses of the proxies in front of the site. X-Forwarded-For from anyone else is ignored.
ROOST_PROXIES = proxies_setting("ROOST_PROXIES")
#: API requests per minute per key or person, and wrong keys per minute per network.
ROOST_API_RATE = int(setting("ROOST_API_RATE", "1200"))
ROOST_API_WRONG_KEYS = int(setting("ROOST_API_WRONG_KEYS", "30"))
ROOST_REDIS_URL = setting("ROOST_REDIS_URL")
ROOST_FLEET_BROKER_URL = setting("ROOST_FLEET_BROKER_URL")
ROOST_COMMAND_BROKER_URL = setting("ROOST_COMMAND_BROKER_URL")
ROOST_JOBS_BROKER_URL = setting("ROOST_JOBS_BROKER_URL")
ROOST_MANAGEMENT_URL = setting("ROOST_MANAGEMENT_URL")
ROOST_MANAGEMENT_USER = setting("ROOST_MANAGEMENT_USER", "provisioner")
ROOST_MANAGEMENT_PASSWORD = setting("ROOST_MANAGEMENT_PASSWORD")
ROOST_FLEET_VHOST = setting("ROOST_FLEET_VHOST", "fleet")
ROOST_STATION_AMQP_HOST = setting("ROOST_STATION_AMQP_HOST", "localhost")
ROOST_STATION_AMQP_PORT = int(setting("ROOST_STATION_AMQP_PORT", "5671"))
ROOST_STATION_AMQP_TLS = setting("ROOST_STATION_AMQP_TLS", "1") == "1"
ROOST_CA_FILE = setting("ROOST_CA_FILE", "")
#: Map tile URL, such as https://tiles.example.org/{z}/{x}/{y}.png; empty: only the base map that comes with Roost.
ROOST_TILES_URL = setting("ROOST_TILES_URL", "")
#: A PMTiles file of raster tiles on this server, served by the site itself; used if no tile URL is set.
ROOST_TILES_FILE = setting("ROOST_TILES_FILE", "")
#: Attribution that the licence of the tiles requires.
ROOST_TILES_ATTRIBUTION = setting("ROOST_TILES_ATTRIBUTION", "")
#: The base map, built by `python -m web.assets`.
GROUND_FOLDER = BASE_DIR / "web" / "static" / "vendor" / "ground"
#: Port of the live process on this host; empty if a proxy serves /live/ on the site's own address.
ROOST_LIVE_PORT = setting("ROOST_LIVE_PORT", "")
ROOST_MOTUS_URL = setting("ROOST_MOTUS_URL", "https://motus.org/api/")
#: Web page of a receiver deployment, for links only; {id} is its number. Roost sends no requests there.
ROOST_MOTUS_PAGE = setting("ROOST_MOTUS_PAGE", "https://motus.org/data/receiverDeployment?id={id}")
#: Motus' job server, which reports the results of uploads.
ROOST_MOTUS_STATUS_URL = setting("ROOST_MOTUS_STATUS_URL", "https://sgdata.motus.org/status2/")
#: Folder with one folder of raw files per station, named by its serial; empty: no files are sent to Motus.
ROOST_MOTUS_FOLDER = setting("ROOST_MOTUS_FOLDER", "")
ROOST_MOTUS_LOGIN = setting("ROOST_MOTUS_LOGIN", "")
ROOST_MOTUS_PASSWORD = setting("ROOST_MOTUS_PASSWORD", "")
#: Seconds between two scheduled checks of each outside system; at least ten minutes.
ROOST_SYNC_INTERVAL_S = float(setting("ROOST_SYNC_INTERVAL_S", "3600"))
#: Seconds for which an alert waits for others to share its message.
ROOST_ALERT_GROUP_WAIT_S = float(setting("ROOST_ALERT_GROUP_WAIT_S", "10"))
#: If most stations of a site, network or organization fall silent within these seconds, it is one incident; 0: never.
ROOST_SHARED_WINDOW_S = float(setting("ROOST_SHARED_WINDOW_S", "600"))
#: Maximum alerts per hour to one destination; the rest are held back, and one message says so. 0: no limit.
ROOST_STORM_CAP = int(setting("ROOST_STORM_CAP", "20"))
#: Whether webhooks may be in private networks. If so, users can make Roost call other services there.
ROOST_WEBHOOK_PRIVATE_ADDRESSES = setting("ROOST_WEBHOOK_PRIVATE_ADDRESSES", "0") == "1"
#: Maximum taps per organization, and maximum bytes of events in each.
ROOST_TAPS_MOST = int(setting("ROOST_TAPS_MOST", "5"))
ROOST_TAP_BYTES = int(setting("ROOST_TAP_BYTES", "50000000"))
#: Messages of one station that may go to quarantine within an hour before it is an incident.
ROOST_QUARANTINE_GROWTH = int(setting("ROOST_QUARANTINE_GROWTH", "20"))
# A station's quota: messages per second and burst, bytes per hour and burst; 0 means no limit.
ROOST_QUOTA_MESSAGES_PER_S = float(setting("ROOST_QUOTA_MESSAGES_PER_S", "20"))
ROOST_QUOTA_BURST = float(setting("ROOST_QUOTA_BURST", "20000"))
ROOST_QUOTA_BYTES_PER_HOUR = float(setting("ROOST_QUOTA_BYTES_PER_HOUR", "50000000"))
ROOST_QUOTA_BYTES_BURST = float(setting("ROOST_QUOTA_BYTES_BURST", "500000000"))
#: Whether this Celery worker drains the stations' queues, its name among such workers, and the maximum batch size.
ROOST_INGEST = setting("ROOST_INGEST", "0") == "1"
ROOST_INGEST_NAME = setting("ROOST_INGEST_NAME", "ingest")
ROOST_INGEST_BATCH = int(setting("ROOST_INGEST_BATCH", "1000"))
#: Whether it also takes files sent over AMQP. It needs the site's disk for them.
ROOST_INGEST_FILES = setting("ROOST_INGEST_FILES", "1") == "1"
#: Folder for the signs of life that a container's health check reads; empty outside a container.
ROOST_SIGNS = setting("ROOST_SIGNS", "")
# Number of messages waiting for ingest at which stations are asked to slow down.
ROOST_PACE_BACKLOG = int(setting("ROOST_PACE_BACKLOG", "200000"))
#: How long a data package is kept.
ROOST_PACKAGES_KEPT = timedelta(days=float(setting("ROOST_PACKAGES_DAYS", "7")))
#: URL with a PostgreSQL superuser's login; set only for `manage analyst`.
ROOST_DATABASE_ADMIN_URL = setting("ROOST_DATABASE_ADMIN_URL", "")
#: Folder on this server to which repeating packages can be copied; empty: they cannot go to a folder.
ROOST_EXPORTS_FOLDER = setting("ROOST_EXPORTS_FOLDER", "")
#: Maximum bytes of data packages per organization.
ROOST_PACKAGES_BYTES = int(setting("ROOST_PACKAGES_BYTES", "20000000000"))
#: Age in months at which readings move to cold storage: Parquet files beside the stored files. 0: never.
ROOST_COLD_AFTER_MONTHS = months_setting("ROOST_COLD_AFTER_MONTHS", least=3)
#: Maximum bytes of stored files per organization, unless it has its own quota.
ROOST_FILES_QUOTA_BYTES = int(setting("ROOST_FILES_QUOTA_BYTES", "100000000000"))
#: People who can create organizations: `anybody` who is logged in, or only `admins` of the server.
ROOST_ORGANIZATIONS_BY = choice("ROOST_ORGANIZATIONS_BY", "anybody", ("anybody", "admins"))
#: How long a station's old login keeps working after a new one has been issued.
ROOST_ROTATION_OVERLAP = timedelta(hours=float(setting("ROOST_ROTATION_OVERLAP_HOURS", "24")))
ROOST_ENROLMENT_TOKEN_LIFE = timedelta(hours=float(setting("ROOST_ENROLMENT_TOKEN_HOURS", "72")))
#: Silence, in reporting intervals, after which a station is late, then silent.
ROOST_LATE_FACTOR = float(setting("ROOST_LATE_FACTOR", "1.5"))
ROOST_SILENT_FACTOR = float(setting("ROOST_SILENT_FACTOR", "3"))
#: Extra seconds for stations to reconnect after an outage of the server.
ROOST_RECONNECT_GRACE_S = float(setting("ROOST_RECONNECT_GRACE_S", "330"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "web.log_paths.PlainLines", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "filters": {"paths": {"()": "web.log_paths.PathsWithoutSecrets"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["paths"]}},
    "root": {"handlers": ["console"], "level": setting("ROOST_LOG_LEVEL", "INFO")},
    # At INFO they log request lines, whose query may hold a secret. To see these, change the level here.
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "pika": {"level": "WARNING"},
        # With their own handlers these loggers would write the raw request path, bypassing the filter.
        "uvicorn": {"handlers": ["console"], "propagate": False},
        "uvicorn.access": {"handlers": ["console"], "propagate": False},
        "django.server": {"handlers": ["console"], "propagate": False},
    },
}
