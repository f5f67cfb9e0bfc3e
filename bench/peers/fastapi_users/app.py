"""fastapi-users as its documentation sets it up: tokens in the database, bearer transport,
SQLAlchemy on PostgreSQL, every default as it ships. Served by uvicorn.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport
from fastapi_users.authentication.strategy.db import DatabaseStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import (
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

SECRET = "a secret for a benchmark on loopback"
engine = create_async_engine(os.environ["BENCH_DATABASE_URL"])
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


class Manager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def get_users(session: AsyncSession = Depends(get_session)):
    yield SQLAlchemyUserDatabase(session, User)


async def get_tokens(session: AsyncSession = Depends(get_session)):
    yield SQLAlchemyAccessTokenDatabase(session, AccessToken)


async def get_manager(users=Depends(get_users)):
    yield Manager(users)


def get_strategy(tokens=Depends(get_tokens)) -> DatabaseStrategy:
    return DatabaseStrategy(tokens, lifetime_seconds=7200)


backend = AuthenticationBackend(
    name="database", transport=BearerTransport(tokenUrl="auth/login"), get_strategy=get_strategy
)
users = FastAPIUsers[User, uuid.UUID](get_manager, [backend])


class Read(schemas.BaseUser[uuid.UUID]):
    pass


class Create(schemas.BaseUserCreate):
    pass


class Update(schemas.BaseUserUpdate):
    pass


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(users.get_auth_router(backend), prefix="/auth")
app.include_router(users.get_register_router(Read, Create), prefix="/auth")
app.include_router(users.get_users_router(Read, Update), prefix="/users")
